print("the program began")
