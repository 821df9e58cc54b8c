"""The provider-neutral verbs, documented once; adapters override what their backend can do."""
