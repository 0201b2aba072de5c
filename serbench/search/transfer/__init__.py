"""What a study takes over from earlier networks: starting weights (`--init`), and a teacher's answers (`--teacher`)."""
