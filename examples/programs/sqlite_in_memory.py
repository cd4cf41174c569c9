import sqlite3

connection = sqlite3.connect(":memory:")
connection.execute("CREATE TABLE marks (name TEXT, subject TEXT, mark REAL, PRIMARY KEY (name, subject))")
rows = [("ann", "maths", 5.5), ("bob", "maths", 4.0), ("ann", "art", 3.5), ("bob", "art", 6.0), ("eve", "art", 2.5)]
connection.executemany("INSERT INTO marks VALUES (?, ?, ?)", rows)
connection.commit()
query = "SELECT name, count(*), avg(mark) FROM marks GROUP BY name HAVING avg(mark) > ? ORDER BY avg(mark) DESC"
for row in connection.execute(query, (3,)):
    print(row)
try:
    with connection:
        connection.execute("INSERT INTO marks VALUES ('ann', 'art', 1)")
except sqlite3.IntegrityError as error:
    print("refused:", error)
connection.create_function("backwards", 1, lambda text: text[::-1])
names = "SELECT DISTINCT backwards(name) AS name FROM marks ORDER BY name DESC"
print(connection.execute(names).fetchall(), connection.total_changes)
