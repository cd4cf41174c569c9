print("What is your name?")
print("Hello, " + input() + "!")
