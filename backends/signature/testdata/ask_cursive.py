"""Asks cursive. Reads JSON objects, one a line, with cert (PEM), type, method,
signature (base64) and data (base64); answers each with ok or the reason why
not. With key (PEM) instead of signature it signs as cursive expects it, and
answers with the signature."""
import base64
import json
import sys

from castellan.common.objects import x_509
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cursive import signature_utils


def sign(task, method, data):
    key = serialization.load_pem_private_key(task["key"].encode(), None)
    if isinstance(key, rsa.RSAPrivateKey):
        pss = padding.PSS(mgf=padding.MGF1(method), salt_length=padding.PSS.MAX_LENGTH)
        return key.sign(data, pss, method)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.sign(data, ec.ECDSA(method))
    return key.sign(data, method)


def verify(task, data):
    der = x509.load_pem_x509_certificate(task["cert"].encode()).public_bytes(serialization.Encoding.DER)

    class Manager:
        def get(self, context, uuid):
            return x_509.X509(der)

    signature_utils.key_manager.API = Manager
    verifier = signature_utils.get_verifier(None, "uuid", task["method"], task["signature"], task["type"])
    verifier.update(data)
    verifier.verify()


for line in sys.stdin:
    task = json.loads(line)
    data = base64.b64decode(task["data"])
    try:
        if "key" in task:
            answer = base64.b64encode(sign(task, signature_utils.HASH_METHODS[task["method"]], data)).decode()
        else:
            verify(task, data)
            answer = "ok"
    except Exception as e:
        answer = "%s: %s" % (type(e).__name__, " ".join(str(e).split()))
    print(answer)
