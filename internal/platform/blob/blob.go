// Package blob keeps objects outside the database: in a directory, or in a store that speaks
// S3. It promises that an object is there whole or not at all, that an object is read as it was
// written, and that no call waits for ever: the short ones end after CallTimeout, a stream when
// nothing has moved for StallTimeout. It knows nothing of what is in an object.
//
// Stores are opened by a URL of gocloud.dev/blob: a path or file:///var/backups for a
// directory, s3://bucket?region=eu-central-1 for S3, and with endpoint, use_path_style and
// disable_https for what speaks S3 elsewhere; the keys of S3 come from where its own tools look.
package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"gocloud.dev/blob"
	_ "gocloud.dev/blob/fileblob" // opens file:
	_ "gocloud.dev/blob/s3blob"   // opens s3:
	"gocloud.dev/gcerrors"
)

// Bounds of calls.
const (
	CallTimeout  = 30 * time.Second // of a call that moves little
	StallTimeout = time.Minute      // of a read or a write within a stream
)

// partSize and parts bound what a stream to a store far away holds in memory.
const (
	partSize = 8 << 20
	parts    = 2
)

// ErrNotFound is that of an object which is not there.
var ErrNotFound = errors.New("blob: there is no such object")

var errStalled = errors.New("blob: the store takes or gives nothing any more")

// Store is one directory or bucket. Safe for concurrent use.
type Store struct {
	bucket *blob.Bucket
	limits limits
}

// limits are for how long calls are waited for.
type limits struct{ call, stall time.Duration }

// Object is what a list tells of an object.
type Object struct {
	Key      string
	Size     int64 // bytes
	Modified time.Time
}

// Open opens the store that a URL names; a path is a directory, which is made when it is not
// there. It does not prove that the store can be reached.
func Open(ctx context.Context, rawURL string) (*Store, error) {
	address, err := directory(rawURL)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, CallTimeout)
	defer cancel()
	bucket, err := blob.OpenBucket(ctx, address)
	if err != nil {
		return nil, fmt.Errorf("open blob store: %w", err)
	}
	return &Store{bucket, limits{CallTimeout, StallTimeout}}, nil
}

// directory makes of a path, or of the URL of a store, the URL that the library wants: what is
// being written lies beside what is there, so that it can be moved into its place at once.
func directory(rawURL string) (string, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return "", errors.New("open blob store: the URL cannot be parsed") // the cause may hold a password
	}
	if u.Scheme != "file" && u.Scheme != "" {
		return quiet(u), nil
	}
	path := rawURL
	if u.Scheme == "file" {
		path = u.Path
	}
	if path, err = filepath.Abs(path); err != nil {
		return "", fmt.Errorf("open blob store: %w", err)
	}
	query := url.Values{"create_dir": {"true"}, "no_tmp_dir": {"true"}, "metadata": {"skip"}, "dir_file_mode": {"448"}} // 0700
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(path), RawQuery: query.Encode()}).String(), nil
}

// quiet has the driver of S3 not complain in the log of each object that the store keeps
// without a checksum of its own.
func quiet(u *url.URL) string {
	const name = "response_checksum_validation"
	if query := u.Query(); u.Scheme == "s3" && !query.Has(name) {
		query.Set(name, "when_required")
		u.RawQuery = query.Encode()
	}
	return u.String()
}

// Close lets go of the store.
func (s *Store) Close() error { return s.bucket.Close() }

// Write makes an object of what from writes. When from fails there is none, and what was there
// before stays.
func (s *Store) Write(ctx context.Context, key, mediaType string, from func(io.Writer) error) (err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	w, err := s.bucket.NewWriter(ctx, key, &blob.WriterOptions{ContentType: mediaType, BufferSize: partSize, MaxConcurrency: parts})
	if err != nil {
		return fmt.Errorf("write %s: %w", key, err)
	}
	if err := from(&watched{limit: s.limits.stall, stall: func() { cancel(errStalled) }, write: w.Write}); err != nil {
		cancel(err) // before Close, which would keep what was written
		_ = w.Close()
		return fmt.Errorf("write %s: %w", key, stalled(ctx, err))
	}
	defer time.AfterFunc(s.limits.stall, func() { cancel(errStalled) }).Stop()
	if err := w.Close(); err != nil {
		return fmt.Errorf("write %s: %w", key, stalled(ctx, err))
	}
	return nil
}

// Put makes a small object.
func (s *Store) Put(ctx context.Context, key, mediaType string, content []byte) error {
	return s.Write(ctx, key, mediaType, func(w io.Writer) error {
		_, err := w.Write(content)
		return err
	})
}

// Read gives an object to be read to its end and closed. Error: ErrNotFound.
func (s *Store) Read(ctx context.Context, key string) (io.ReadCloser, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	opening := time.AfterFunc(s.limits.call, func() { cancel(errStalled) })
	r, err := s.bucket.NewReader(ctx, key, nil)
	opening.Stop()
	if err != nil {
		defer cancel(nil)
		return nil, translate(key, stalled(ctx, err))
	}
	return &reader{watched{limit: s.limits.stall, stall: func() { cancel(errStalled) }, read: r.Read}, func() error {
		defer cancel(nil)
		return r.Close()
	}}, nil
}

// Get reads a small object, of limit bytes at most. Error: ErrNotFound.
func (s *Store) Get(ctx context.Context, key string, limit int64) ([]byte, error) {
	r, err := s.Read(ctx, key)
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err = errors.Join(err, r.Close()); err != nil {
		return nil, fmt.Errorf("read %s: %w", key, err)
	}
	if int64(len(content)) > limit {
		return nil, fmt.Errorf("read %s: it is longer than %d bytes", key, limit)
	}
	return content, nil
}

// List gives the objects whose keys begin with prefix, by key.
func (s *Store) List(ctx context.Context, prefix string) ([]Object, error) {
	var out []Object
	token := blob.FirstPageToken
	for token != nil {
		page, next, err := s.page(ctx, token, prefix)
		if err != nil {
			return nil, fmt.Errorf("list %s: %w", prefix, err)
		}
		for _, o := range page {
			if !o.IsDir {
				out = append(out, Object{o.Key, o.Size, o.ModTime})
			}
		}
		token = next
	}
	return out, nil
}

func (s *Store) page(ctx context.Context, token []byte, prefix string) ([]*blob.ListObject, []byte, error) {
	ctx, cancel := context.WithTimeout(ctx, s.limits.call)
	defer cancel()
	return s.bucket.ListPage(ctx, token, 1000, &blob.ListOptions{Prefix: prefix})
}

// Delete removes an object; one that is not there is no error.
func (s *Store) Delete(ctx context.Context, key string) error {
	ctx, cancel := context.WithTimeout(ctx, s.limits.call)
	defer cancel()
	if err := translate(key, s.bucket.Delete(ctx, key)); err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	return nil
}

func translate(key string, err error) error {
	switch {
	case err == nil:
		return nil
	case gcerrors.Code(err) == gcerrors.NotFound:
		return fmt.Errorf("%w: %s", ErrNotFound, key)
	default:
		return fmt.Errorf("%s: %w", strings.TrimSuffix(key, "/"), err)
	}
}
