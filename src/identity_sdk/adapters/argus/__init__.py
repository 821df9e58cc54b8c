"""The Argus adapter (mnemonic)."""
