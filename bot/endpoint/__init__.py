"""Big models behind a server that speaks the OpenAI protocol, asked from the bot's own process."""
