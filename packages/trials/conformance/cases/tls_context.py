# Libraries for the web make a context when they are imported, long before they use a socket.
import ssl

context = ssl.create_default_context()
print(context.verify_mode.name, context.check_hostname, context.minimum_version.name)
print(len(context.get_ca_certs()) == context.cert_store_stats()["x509_ca"])
