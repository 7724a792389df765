package digest_test

import (
	"fmt"
	"log"

	"glancefs/digest"
)

func ExampleStream() {
	s, err := digest.NewStream("md5", "sha256")
	if err != nil {
		log.Fatal(err)
	}
	defer s.Stop()

	for _, piece := range []string{"a", "b", "c"} {
		buf := []byte(piece)
		s.Write(buf, func() { clear(buf) }) // by now no hash reads buf
	}
	sums := s.Sums()
	fmt.Println(sums["md5"])
	fmt.Println(sums["sha256"])
	// Output:
	// 900150983cd24fb0d6963f7d28e17f72
	// ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad
}

func ExampleCheck() {
	fmt.Println(digest.Check("sha512"))
	fmt.Println(digest.Check("SHA512"))
	fmt.Println(digest.Check("shake_256"))
	// Output:
	// <nil>
	// unknown hashing algorithm "SHA512" (did you mean "sha512"?)
	// shake_256 has no fixed length and can't be a hashing algorithm
}
