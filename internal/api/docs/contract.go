package docs

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"

	"github.com/labstack/echo/v4"
	"go.yaml.in/yaml/v3"
)

// contracts are the OpenAPI documents, by file name, in both their forms.
type contracts struct {
	versions []string // newest first
	files    map[string]*document
}

var versionName = regexp.MustCompile(`^v([1-9][0-9]{0,2})$`)

func newContracts(sources map[string][]byte) (*contracts, error) {
	if len(sources) == 0 {
		return nil, errNothing
	}
	out := &contracts{versions: slices.Collect(maps.Keys(sources)), files: map[string]*document{}}
	for version, source := range sources {
		if !versionName.MatchString(version) {
			return nil, fmt.Errorf("docs: contract %q: its name is not v and a number", version)
		}
		text, err := toJSON(source)
		if err != nil {
			return nil, fmt.Errorf("docs: contract %s: %w", version, err)
		}
		out.files[version+".yaml"] = newDocument(source, "application/yaml")
		out.files[version+".json"] = newDocument(text, echo.MIMEApplicationJSON)
	}
	slices.SortFunc(out.versions, func(a, b string) int { return cmp.Compare(number(b), number(a)) })
	return out, nil
}

// number is the major version; v10 comes after v9.
func number(version string) int {
	n, _ := strconv.Atoi(version[1:]) // versionName has seen to it
	return n
}

// file serves /openapi/{version}.yaml and .json.
func (s *contracts) file(c echo.Context) error {
	document, found := s.files[c.Param("file")]
	if !found {
		return errNoRoute
	}
	return document.serve(c)
}

// toJSON keeps the order of the members, which is the order in which the page
// shows them, and takes dates for the texts that they are: decoding to Go
// values would sort the one and make a time of the other.
func toJSON(source []byte) ([]byte, error) {
	var root yaml.Node
	if err := yaml.Unmarshal(source, &root); err != nil {
		return nil, fmt.Errorf("read YAML: %w", err)
	}
	if root.Kind != yaml.DocumentNode || root.Content[0].Kind != yaml.MappingNode {
		return nil, fmt.Errorf("read YAML: it is not a mapping")
	}
	var out bytes.Buffer
	if err := writeNode(&out, root.Content[0]); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func writeNode(out *bytes.Buffer, node *yaml.Node) error {
	switch node.Kind {
	case yaml.MappingNode:
		return writeAll(out, node.Content, '{', '}')
	case yaml.SequenceNode:
		return writeAll(out, node.Content, '[', ']')
	case yaml.ScalarNode:
		return writeScalar(out, node)
	default: // an alias; following them may never end
		return fmt.Errorf("line %d: anchors are not supported", node.Line)
	}
}

// writeAll writes the nodes between the brackets. Those of a mapping are its
// keys and values in turn; a key is a text whatever it looks like.
func writeAll(out *bytes.Buffer, nodes []*yaml.Node, open, end byte) error {
	out.WriteByte(open)
	for i, node := range nodes {
		key := open == '{' && i%2 == 0
		switch {
		case open == '{' && !key:
			out.WriteByte(':')
		case i > 0:
			out.WriteByte(',')
		}
		var err error
		if key {
			err = writeValue(out, node.Value)
		} else {
			err = writeNode(out, node)
		}
		if err != nil {
			return err
		}
	}
	out.WriteByte(end)
	return nil
}

func writeScalar(out *bytes.Buffer, node *yaml.Node) error {
	switch node.ShortTag() {
	case "!!null", "!!bool", "!!int", "!!float":
		var value any
		if err := node.Decode(&value); err != nil {
			return fmt.Errorf("line %d: %w", node.Line, err)
		}
		return writeValue(out, value)
	default:
		return writeValue(out, node.Value)
	}
}

func writeValue(out *bytes.Buffer, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("write %v: %w", value, err) // .inf and .nan have no JSON
	}
	out.Write(text)
	return nil
}
