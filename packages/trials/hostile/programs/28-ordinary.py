"""Nothing but a word."""
print("ordinary")
