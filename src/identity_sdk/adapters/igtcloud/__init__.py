"""igtcloud: the auth and user services of Philips IGT Cloud."""
