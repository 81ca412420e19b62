"""Makes a release from the checked-out commit. The command is bin/release."""
