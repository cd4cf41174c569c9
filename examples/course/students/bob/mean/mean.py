def mean(numbers):
    return sum(numbers) // max(1, len(numbers))
