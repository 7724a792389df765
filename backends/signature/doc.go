// Package signature verifies the signatures of images, as OpenStack's library
// cursive does for Glance and Nova: an image's properties img_signature,
// img_signature_hash_method, img_signature_key_type and
// img_signature_certificate_uuid.
//
//	var s signature.Signature
//	err := errors.Join(
//		s.SetValue("kZ0…="), s.SetHashMethod("SHA-256"), s.SetKeyType("RSA-PSS"),
//	)
//	cert, err := trust.ByUUID("6f0e4a5c-…")
//	…
//	err = s.SetCertificate(cert)
//	… // the digest s.Algo() of the image is computed
//	err = s.Verify(sums[s.Algo()])
//
// Nothing is hashed here: what is signed is a digest of the image, and that
// is computed over the stream, beside the others.
//
// Beyond cursive, whose callers check no certificate or a list of their own:
// a certificate must lead to one of the authorities of [Trust], and be valid
// today; and of an elliptic key the curve, too, must be the one that is named.
package signature
