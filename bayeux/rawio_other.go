//go:build !unix

package bayeux

const rawIO = false

func readSome(uintptr, []byte) (n int, again bool, err error) { return 0, false, nil }

func readable(uintptr) bool { return true }

func writeSome(uintptr, []byte) (int, error) { return 0, nil }
