"""Write texts anew: in another language, or in fewer words."""
