package auth0

import "crypto/rsa"

// ParseKeys lets the fuzz test reach the parser of key sets.
func ParseKeys(text []byte) (map[string]*rsa.PublicKey, error) { return parseKeys(text) }
