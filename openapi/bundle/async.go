package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
)

// reference is one to a schema of an OpenAPI document's sources.
var reference = regexp.MustCompile(`(\$ref: )(v[0-9]+)/schemas/[a-z-]+\.yaml#/([A-Za-z]+)`)

// async writes the AsyncAPI document at root to out, beside the bundled OpenAPI documents.
// Its references to their sources become references to where they are served, which is
// relative to /asyncapi.yaml.
func async(root, out string) error {
	text, err := os.ReadFile(root)
	if err != nil {
		return err
	}
	var missing error
	text = reference.ReplaceAllFunc(text, func(found []byte) []byte {
		parts := reference.FindSubmatch(found)
		version, name := string(parts[2]), string(parts[3])
		if err := hasSchema(filepath.Join(filepath.Dir(out), version+".yaml"), name); err != nil && missing == nil {
			missing = err
		}
		return fmt.Appendf(nil, "%sopenapi/%s.yaml#/components/schemas/%s", parts[1], version, name)
	})
	if missing != nil {
		return missing
	}
	return os.WriteFile(out, append([]byte("# Code generated from openapi/ by openapi/bundle. DO NOT EDIT.\n"), text...), 0o644)
}

func hasSchema(file, name string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	doc, err := reload(text)
	if err != nil {
		return err
	}
	if doc.Components.Schemas[name] == nil {
		return fmt.Errorf("%s has no schema %s", file, name)
	}
	return nil
}
