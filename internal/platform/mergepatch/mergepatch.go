// Package mergepatch applies JSON merge patches (RFC 7396).
//
// It promises the RFC to the letter, numbers as they are written, and text without
// HTML escapes. The known library does neither: it takes nulls out of objects inside
// arrays, which the RFC replaces as they are.
package mergepatch

import (
	"bytes"
	"encoding/json"
)

// Apply gives target as patch changes it. Both must be JSON.
func Apply(target, patch json.RawMessage) (json.RawMessage, error) {
	var documents [2]any
	for i, text := range [][]byte{target, patch} {
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.UseNumber() // numbers stay as they are written
		if err := decoder.Decode(&documents[i]); err != nil {
			return nil, err
		}
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false) // text counts as it is
	if err := encoder.Encode(merge(documents[0], documents[1])); err != nil {
		return nil, err
	}
	return bytes.TrimSpace(out.Bytes()), nil
}

// merge is the RFC's MergePatch; it may change target.
func merge(target, patch any) any {
	changes, ok := patch.(map[string]any)
	if !ok {
		return patch
	}
	object, ok := target.(map[string]any)
	if !ok {
		object = map[string]any{}
	}
	for name, value := range changes {
		if value == nil {
			delete(object, name)
		} else {
			object[name] = merge(object[name], value)
		}
	}
	return object
}
