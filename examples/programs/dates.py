from datetime import date, datetime, timedelta, timezone

moment = datetime(2024, 2, 28, 23, 30, tzinfo=timezone.utc)
for days in range(3):
    print((moment + timedelta(days=days)).isoformat())
print(moment.strftime("%A, %d %B %Y, week %V"))
print(datetime.strptime("31/12/1999 23:59", "%d/%m/%Y %H:%M") - datetime(1970, 1, 1))
print(moment.astimezone(timezone(timedelta(hours=5, minutes=45))))
print([date(2023, month, 13).isoformat() for month in range(1, 13) if date(2023, month, 13).weekday() == 4])
print(datetime.fromtimestamp(1_000_000_000, tz=timezone.utc).timestamp())
