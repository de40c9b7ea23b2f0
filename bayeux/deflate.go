package bayeux

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

// packers pools what compression needs: a compressor is large and is used for one
// message or response at a time.
type packers struct {
	deflaters sync.Pool
	inflaters sync.Pool
	zippers   sync.Pool
	outputs   sync.Pool
}

func (p *packers) init() {
	p.deflaters.New = func() any {
		w, _ := flate.NewWriter(io.Discard, flate.BestSpeed) // the level is a valid one
		return w
	}
	p.inflaters.New = func() any { return flate.NewReader(bytes.NewReader(nil)) }
	p.zippers.New = func() any {
		z, _ := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed) // the level is a valid one
		return z
	}
	p.outputs.New = func() any { return newOutput() }
}

// largestKept is how large a buffer may be that is kept for the next write.
const largestKept = 64 << 10

func (p *packers) output() *output { return p.outputs.Get().(*output) }

func (p *packers) release(o *output) {
	if o.Cap() <= largestKept {
		o.Reset()
		p.outputs.Put(o)
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

// compressAbove is the size in bytes up to which a response is not worth packing (LP-12).
const compressAbove = 1 << 10

// gzip packs a response.
func (p *packers) gzip(body []byte) []byte {
	z := p.zippers.Get().(*gzip.Writer)
	defer p.zippers.Put(z)
	var buf bytes.Buffer
	z.Reset(&buf)
	_, _ = z.Write(body) // a bytes.Buffer does not fail
	_ = z.Close()
	return buf.Bytes()
}

// acceptsGzip reads Accept-Encoding. What it names counts more than "*".
func acceptsGzip(h http.Header) bool {
	wanted := false
	for _, line := range h.Values("Accept-Encoding") {
		for part := range strings.SplitSeq(line, ",") {
			coding, params, _ := strings.Cut(part, ";")
			q, given := strings.CutPrefix(strings.ReplaceAll(strings.ToLower(params), " ", ""), "q=")
			weight, err := strconv.ParseFloat(q, 64)
			want := !given || err == nil && weight > 0
			switch strings.ToLower(strings.TrimSpace(coding)) {
			case "gzip", "x-gzip":
				return want
			case "*":
				wanted = want
			}
		}
	}
	return wanted
}
