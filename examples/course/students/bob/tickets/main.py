rides = int(input())
print(rides // 5 * 10 + rides % 5 * 3)
