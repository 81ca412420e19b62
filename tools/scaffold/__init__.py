"""`bin/new`: writes the files of a new report type, job, page, table, command or control."""
