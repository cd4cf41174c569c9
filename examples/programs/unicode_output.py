import unicodedata

for text in ("naïve café", "Ελληνικά", "日本語", "🐦 sandpiper", "e\u0301", "\u202eabc\u202c"):
    print(text, len(text), len(text.encode()), unicodedata.normalize("NFC", text) == text, ascii(text))
print("ß".upper(), "İ".lower().encode(), "ǅ".title(), "٣".isdigit(), int("٣"))
print(unicodedata.name("🐦"), "\N{GREEK SMALL LETTER ALPHA}", "na\tme".expandtabs(4))
try:
    print("\ud800")
except UnicodeEncodeError as error:
    print(error)
