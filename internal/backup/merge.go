package backup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"

	"filippo.io/age"
)

// reading is a chain of backups that is being read, all at once, so that of each thing what
// they hold comes together.
type reading struct {
	service *Service
	chain   []Manifest
	readers []*reader
	heads   []line // the next of each; of one that has ended its Part is ""
}

// read begins to read a chain.
func (s *Service) read(ctx context.Context, chain []Manifest, identities []age.Identity) (*reading, error) {
	blobs, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	r := &reading{service: s, chain: chain}
	for _, m := range chain {
		from, err := blobs.Read(ctx, payloadKey(m.ID))
		if err != nil {
			r.close()
			return nil, away(err)
		}
		one, err := newReader(from, m.ID, identities)
		if err != nil {
			r.close()
			return nil, r.broken(m, err)
		}
		r.readers, r.heads = append(r.readers, one), append(r.heads, line{})
		if err := r.advance(len(r.readers) - 1); err != nil {
			r.close()
			return nil, err
		}
	}
	return r, nil
}

func (r *reading) broken(m Manifest, err error) error {
	if errors.Is(err, errWrongKey) {
		return err
	}
	return damaged("%s: %v", m.ID, err)
}

func (r *reading) close() {
	for _, one := range r.readers {
		one.close()
	}
}

// advance goes to the next line of one backup.
func (r *reading) advance(i int) error {
	before := r.heads[i]
	next, err := r.readers[i].next()
	if errors.Is(err, io.EOF) {
		r.heads[i] = line{}
		return nil
	}
	if err == nil && r.place(next) < 0 {
		err = fmt.Errorf("it holds %q, which this release does not know", next.Part)
	}
	if err == nil && before.Part != "" && r.compare(before, next) >= 0 {
		err = errors.New("its lines are out of order")
	}
	if err != nil {
		return r.broken(r.chain[i], err)
	}
	r.heads[i] = next
	return nil
}

// place is that of a line's part.
func (r *reading) place(l line) int {
	return slices.IndexFunc(r.service.Parts, func(p Part) bool { return p.Name == l.Part })
}

// compare orders lines as payloads have them. One that has ended comes after all.
func (r *reading) compare(a, b line) int {
	switch {
	case a.Part == "" || b.Part == "":
		return bytes.Compare([]byte(b.Part), []byte(a.Part))
	case a.Part != b.Part:
		return r.place(a) - r.place(b)
	}
	return bytes.Compare(a.ID[:], b.ID[:])
}

// next gives the next thing that was there when the newest of the chain was made; io.EOF
// after the last.
func (r *reading) next() (w Whole, err error) {
	last := len(r.heads) - 1
	now := r.heads[last]
	for i := range r.heads {
		for r.heads[i].Part != "" && r.compare(r.heads[i], now) < 0 { // gone since
			if err := r.advance(i); err != nil {
				return w, err
			}
		}
		if now.Part == "" || r.heads[i].Part == "" || r.compare(r.heads[i], now) != 0 {
			continue
		}
		if l := r.heads[i]; l.Data != nil {
			if l.After == 0 {
				w.Layers = nil
			}
			w.Layers = append(w.Layers, l.Data)
		}
		if err := r.advance(i); err != nil {
			return w, err
		}
	}
	if now.Part == "" {
		return w, io.EOF
	}
	w.ID = now.ID
	if len(w.Layers) == 0 {
		return w, damaged("%s: nothing is kept of %s", r.chain[last].ID, w.ID)
	}
	return w, nil
}

// part gives all things of one part, which must come next. It is read to its end, whatever
// the reader does.
func (r *reading) part(name string) iter.Seq2[Whole, error] {
	return func(yield func(Whole, error) bool) {
		on := true
		for r.heads[len(r.heads)-1].Part == name {
			w, err := r.next()
			if on {
				on = yield(w, err)
			}
			if err != nil {
				return
			}
		}
	}
}

// end looks whether all that was read, which must be everything, is what was written.
func (r *reading) end() error {
	if _, err := r.next(); !errors.Is(err, io.EOF) {
		return errors.Join(errors.New("it was not read to its end"), err)
	}
	for i, one := range r.readers {
		sum, err := one.sum()
		if err == nil && sum != r.chain[i].Payload.SHA256 {
			err = errors.New("its hash is not the one that its manifest says")
		}
		if err != nil {
			return r.broken(r.chain[i], err)
		}
	}
	return nil
}
