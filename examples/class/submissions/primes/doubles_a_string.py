n = int(input())
marks = "01"
while len(marks) < 10 ** 15 * n:
    marks = marks + marks
print(marks[:n].count("1"))
