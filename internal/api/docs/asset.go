package docs

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"
	"github.com/swaggest/swgui/v5/static"

	"github.com/fluentpro/fluentpro/gen/console"
)

// assets are the files that /docs and /console load: Swagger UI as its authors packed it,
// and a few of ours. The handler that comes with Swagger UI is not used: its
// page needs inline scripts, and its entity tags are not of the form of RFC 9110.
type assets struct {
	fingerprint string // of all of them; it is in their path, so that two builds never mix
	files       map[string]*document
}

func loadAssets() (*assets, error) {
	sources := []struct {
		fs   fs.FS
		path string
	}{
		{static.FS, "swagger-ui.css.gz"},
		{static.FS, "swagger-ui-bundle.js.gz"},
		{static.FS, "swagger-ui-standalone-preset.js.gz"},
		{static.FS, "favicon-32x32.png"},
		{files, "page/docs.css"},
		{files, "page/docs.js"},
		{console.FS, "console.css"},
		{console.FS, "console.js"},
	}
	// Not by mime.TypeByExtension, which believes the machine's own tables.
	mediaTypes := map[string]string{
		".css": "text/css; charset=utf-8",
		".js":  "text/javascript; charset=utf-8",
		".png": "image/png",
	}
	out := &assets{files: map[string]*document{}}
	var all [][]byte
	for _, source := range sources {
		content, err := fs.ReadFile(source.fs, source.path)
		if err != nil {
			return nil, fmt.Errorf("docs: read asset: %w", err)
		}
		name, packed := strings.CutSuffix(path.Base(source.path), ".gz")
		asset := newDocument(content, mediaTypes[path.Ext(name)])
		if !packed && path.Ext(name) != ".png" {
			if asset.body, err = zip(content); err != nil {
				return nil, err
			}
			packed = true
		}
		asset.cache, asset.zipped = forever, packed
		out.files[name] = asset
		all = append(all, content)
	}
	out.fingerprint = fingerprint(all...)
	return out, nil
}

// path is where the page finds an asset.
func (a *assets) path(name string) string { return "/docs/assets/" + a.fingerprint + "/" + name }

// file serves /docs/assets/{fingerprint}/{name}.
func (a *assets) file(c echo.Context) error {
	asset, found := a.files[c.Param("name")]
	if !found || c.Param("fingerprint") != a.fingerprint {
		return errNoRoute
	}
	return asset.serve(c)
}

func zip(content []byte) ([]byte, error) {
	var out bytes.Buffer
	writer := gzip.NewWriter(&out)
	if _, err := writer.Write(content); err != nil {
		return nil, fmt.Errorf("zip: %w", err)
	}
	if err := writer.Close(); err != nil {
		return nil, fmt.Errorf("zip: %w", err)
	}
	return out.Bytes(), nil
}

func unzip(content []byte) ([]byte, error) {
	reader, err := gzip.NewReader(bytes.NewReader(content))
	if err != nil {
		return nil, fmt.Errorf("unzip: %w", err)
	}
	body, err := io.ReadAll(reader)
	if err != nil {
		return nil, fmt.Errorf("unzip: %w", err)
	}
	return body, nil
}

// acceptsGzip reads Accept-Encoding (RFC 9110, section 12.5.3). What it cannot
// read it takes for a no: everybody understands plain bytes.
func acceptsGzip(header string) bool {
	for entry := range strings.SplitSeq(header, ",") {
		name, parameter, weighted := strings.Cut(entry, ";")
		if name = strings.TrimSpace(name); !strings.EqualFold(name, "gzip") && name != "*" {
			continue
		}
		if !weighted {
			return true
		}
		key, value, _ := strings.Cut(strings.TrimSpace(parameter), "=")
		weight, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
		return strings.EqualFold(strings.TrimSpace(key), "q") && err == nil && weight > 0
	}
	return false
}
