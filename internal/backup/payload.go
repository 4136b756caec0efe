package backup

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"

	"filippo.io/age"
	"github.com/google/uuid"
	"github.com/klauspost/compress/zstd"
)

// maxLine bounds a line of a payload in bytes: the largest conversation with its history.
const maxLine = 1 << 30

// window bounds the memory of compressing, and of whoever reads it.
const window = 8 << 20

// line is one of a payload's. The first has Backup, the last End.
type line struct {
	Backup uuid.UUID       `json:"backup,omitzero"`
	Part   string          `json:"part,omitempty"`
	ID     uuid.UUID       `json:"id,omitzero"`
	After  int64           `json:"after,omitempty"`
	Data   json.RawMessage `json:"data,omitempty"`
	End    *int64          `json:"end,omitempty"` // how many lines of things there were
}

// tally counts bytes, and hashes them if it has a hash.
type tally struct {
	to   io.Writer
	n    int64
	hash hash.Hash
}

func (t *tally) Write(p []byte) (int, error) {
	n, err := t.to.Write(p)
	t.n += int64(n)
	if t.hash != nil {
		_, _ = t.hash.Write(p[:n]) // a hash takes everything
	}
	return n, err
}

// writer makes a payload: each line is compressed, encrypted and hashed on its way out.
type writer struct {
	cipher, compressed, plain *tally
	age                       io.WriteCloser
	zstd                      *zstd.Encoder
	lines                     int64
}

func newWriter(to io.Writer, id uuid.UUID, recipients []age.Recipient) (*writer, error) {
	w := &writer{cipher: &tally{to: to, hash: sha256.New()}}
	var err error
	if w.age, err = age.Encrypt(w.cipher, recipients...); err != nil {
		return nil, fmt.Errorf("encrypt: %w", err)
	}
	w.compressed = &tally{to: w.age}
	if w.zstd, err = zstd.NewWriter(w.compressed, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(window)); err != nil {
		return nil, fmt.Errorf("compress: %w", err)
	}
	w.plain = &tally{to: w.zstd}
	return w, w.write(line{Backup: id})
}

func (w *writer) write(l line) error {
	text, err := json.Marshal(l)
	if err != nil {
		return fmt.Errorf("write a line: %w", err)
	}
	_, err = w.plain.Write(append(text, '\n'))
	return err
}

// put adds a thing.
func (w *writer) put(part string, e Entry) error {
	w.lines++
	return w.write(line{Part: part, ID: e.ID, After: e.After, Data: e.Data})
}

// end completes the payload.
func (w *writer) end() (Payload, error) {
	if err := w.write(line{End: &w.lines}); err != nil {
		return Payload{}, err
	}
	if err := errors.Join(w.zstd.Close(), w.age.Close()); err != nil {
		return Payload{}, fmt.Errorf("end the payload: %w", err)
	}
	return Payload{
		Bytes: w.cipher.n, SHA256: hex.EncodeToString(w.cipher.hash.Sum(nil)), PlainBytes: w.plain.n, CompressedBytes: w.compressed.n,
	}, nil
}

// reader reads a payload line by line.
type reader struct {
	from  io.Closer
	hash  *tally // over the ciphertext
	rest  io.Reader
	zstd  *zstd.Decoder
	lines *bufio.Reader
	n     int64
	ended bool
}

// newReader begins to read the payload of a backup. It takes from over, errors or not.
func newReader(from io.ReadCloser, id uuid.UUID, identities []age.Identity) (*reader, error) {
	r := &reader{from: from, hash: &tally{to: io.Discard, hash: sha256.New()}}
	r.rest = io.TeeReader(from, r.hash)
	if err := r.begin(id, identities); err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

func (r *reader) begin(id uuid.UUID, identities []age.Identity) error {
	plain, err := age.Decrypt(r.rest, identities...)
	if _, wrong := errors.AsType[*age.NoIdentityMatchError](err); wrong {
		return errWrongKey.WithCause(err)
	}
	if err != nil {
		return fmt.Errorf("decrypt: %w", err)
	}
	if r.zstd, err = zstd.NewReader(plain, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(window)); err != nil {
		return fmt.Errorf("decompress: %w", err)
	}
	r.lines = bufio.NewReaderSize(r.zstd, 1<<16)
	first, err := r.line()
	if err == nil && first.Backup != id {
		err = fmt.Errorf("the payload is that of another backup, %s", first.Backup)
	}
	return err
}

func (r *reader) line() (l line, err error) {
	text, err := readLine(r.lines)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF // the last line says that it is the last
	}
	if err == nil {
		err = json.Unmarshal(text, &l)
	}
	if err != nil {
		return l, fmt.Errorf("line %d: %w", r.n+1, err)
	}
	return l, nil
}

// readLine reads to the end of a line, unless that is too far.
func readLine(from *bufio.Reader) ([]byte, error) {
	var text []byte
	for {
		piece, err := from.ReadSlice('\n')
		text = append(text, piece...)
		switch {
		case err == nil:
			return text, nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		case len(text) > maxLine:
			return nil, errors.New("is too long")
		}
	}
}

// next gives the next thing; io.EOF after the last.
func (r *reader) next() (line, error) {
	if r.ended {
		return line{}, io.EOF
	}
	l, err := r.line()
	switch {
	case err != nil:
		return line{}, err
	case l.End == nil:
		r.n++
		return l, nil
	case *l.End != r.n:
		return line{}, fmt.Errorf("it should have %d lines, and has %d", *l.End, r.n)
	}
	r.ended = true
	if _, err := r.lines.ReadByte(); !errors.Is(err, io.EOF) {
		return line{}, errors.Join(errors.New("it goes on after its end"), err)
	}
	return line{}, io.EOF
}

// sum reads what is left and gives the hash of everything.
func (r *reader) sum() (string, error) {
	_, err := io.Copy(io.Discard, r.rest)
	return hex.EncodeToString(r.hash.hash.Sum(nil)), err
}

func (r *reader) close() {
	if r.zstd != nil {
		r.zstd.Close()
	}
	_ = r.from.Close() // it was only read
}
