"""What every adapter must do, area by area: one suite, run for each target (see ``targets/``)."""
