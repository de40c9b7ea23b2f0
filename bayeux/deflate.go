package bayeux

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"sync"
)

// packers pools what permessage-deflate needs: a compressor is large and is used
// for one message at a time.
type packers struct {
	deflaters sync.Pool
	inflaters sync.Pool
	buffers   sync.Pool
}

func (p *packers) init() {
	p.deflaters.New = func() any {
		w, _ := flate.NewWriter(io.Discard, flate.BestSpeed) // the level is a valid one
		return w
	}
	p.inflaters.New = func() any { return flate.NewReader(bytes.NewReader(nil)) }
	p.buffers.New = func() any { return new(bytes.Buffer) }
}

// largestKept is how large a buffer may be that is kept for the next write.
const largestKept = 64 << 10

func (p *packers) buffer() *bytes.Buffer { return p.buffers.Get().(*bytes.Buffer) }

func (p *packers) release(b *bytes.Buffer) {
	if b.Cap() <= largestKept {
		b.Reset()
		p.buffers.Put(b)
	}
}

// deflateTail is what a sync flush ends with, which is not sent (RFC 7692, 7.2.1).
var deflateTail = []byte{0x00, 0x00, 0xff, 0xff}

// inflateTail puts it back and ends the stream.
const inflateTail = "\x00\x00\xff\xff\x01\x00\x00\xff\xff"

func (p *packers) deflate(text []byte) []byte {
	w := p.deflaters.Get().(*flate.Writer)
	defer p.deflaters.Put(w)
	var buf bytes.Buffer
	w.Reset(&buf)
	_, _ = w.Write(text) // a bytes.Buffer does not fail
	_ = w.Flush()
	return bytes.TrimSuffix(buf.Bytes(), deflateTail)
}

// inflate unpacks a message of at most limit bytes: what a small frame may unpack
// to is without bounds otherwise (A12).
func (p *packers) inflate(packed []byte, limit int) ([]byte, error) {
	r := p.inflaters.Get().(io.ReadCloser)
	defer p.inflaters.Put(r)
	if err := r.(flate.Resetter).Reset(io.MultiReader(bytes.NewReader(packed), bytes.NewReader([]byte(inflateTail))), nil); err != nil {
		return nil, err
	}
	var buf bytes.Buffer
	n, err := buf.ReadFrom(io.LimitReader(r, int64(limit)+1))
	if err != nil {
		return nil, err
	}
	if n > int64(limit) {
		return nil, fmt.Errorf("%w: more than %d bytes unpacked", errTooLarge, limit)
	}
	return buf.Bytes(), nil
}

// packed is the compressed form of an event, made by the first who needs it.
type packed struct {
	once  sync.Once
	bytes []byte
}

func (e *event) deflated(p *packers) []byte {
	e.packed.once.Do(func() { e.packed.bytes = p.deflate(e.array) })
	return e.packed.bytes
}
