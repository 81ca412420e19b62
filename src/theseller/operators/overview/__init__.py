"""The operator's area: its overview. Other pages of it stand in the slices that they are about; all stand behind `accounts.authorization.operator_required`."""
