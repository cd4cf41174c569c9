"""What one pass leaves for the next."""


def remember(folder, word):
    with open(folder + "state.txt", "w") as file:
        file.write(word)


def recall(folder):
    with open(folder + "state.txt") as file:
        return file.read()
