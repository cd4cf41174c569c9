import hashlib
import hmac

text = "The quick brown fox jumps over the lazy dog".encode()
for name in ("md5", "sha1", "sha256", "sha512", "sha3_256", "blake2b"):
    print(f"{name:10}", hashlib.new(name, text).hexdigest()[:48])
print(hmac.new(b"key", text, "sha256").hexdigest())
print(hashlib.pbkdf2_hmac("sha256", b"password", b"salt", 1000).hex())
