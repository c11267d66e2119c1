"""Learn one model from several sites, none of which shows its rows.

federation   the rounds                          site  the process that alone opens its rows
aggregation  one update of the sites' updates
"""
