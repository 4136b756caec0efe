package tenant

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"time"
)

const keyBits = 2048

type signingKey struct {
	id      string
	private *rsa.PrivateKey
}

func newSigningKey(private *rsa.PrivateKey) signingKey {
	sum := sha256.Sum256(private.N.Bytes())
	return signingKey{id: base64.RawURLEncoding.EncodeToString(sum[:15]), private: private}
}

func generate() signingKey {
	private, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		panic(err) // the system has no randomness left: no test can go on
	}
	return newSigningKey(private)
}

// RotateKeys signs with a new key from now on; the earlier ones stay published.
func (s *Server) RotateKeys() {
	key := generate()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys = append(s.keys, key)
}

// RevokeKeys stops publishing all but the newest key.
func (s *Server) RevokeKeys() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys = []signingKey{s.key()}
}

// key is the newest one.
func (s *Server) key() signingKey {
	if len(s.keys) == 0 {
		s.keys = []signingKey{generate()}
	}
	return s.keys[len(s.keys)-1]
}

func (s *Server) jwks(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.key()
	keys := []map[string]string{}
	for _, k := range s.keys {
		if s.settings.NoKeys {
			break
		}
		keys = append(keys, map[string]string{
			"kty": "RSA", "use": "sig", "alg": "RS256", "kid": k.id,
			"n": encode(k.private.N.Bytes()), "e": encode(big.NewInt(int64(k.private.E)).Bytes()),
		})
	}
	w.Header().Set("Cache-Control", "public, max-age=15, stale-while-revalidate=15, stale-if-error=86400")
	write(w, http.StatusOK, map[string]any{"keys": keys})
}

// AccessToken is what a client of the user would have got for the API by signing
// in on its own. change, which may be nil, edits the claims and the header before
// the newest key signs them with RS256, whatever the header then says.
func (s *Server) AccessToken(subject string, change func(claims, header map[string]any)) string {
	s.mu.Lock()
	now, key := s.cfg.Now(), s.key()
	claims := map[string]any{
		"iss": s.issuer(), "sub": subject, "aud": []string{s.cfg.Audience, s.issuer() + "userinfo"}, "azp": s.cfg.ClientID,
		"iat": now.Unix(), "exp": now.Add(s.settings.TokenLife).Unix(), "scope": "openid profile email",
	}
	s.mu.Unlock()
	header := key.header()
	if change != nil {
		change(claims, header) // it may ask the server something
	}
	return key.sign(claims, header)
}

func (k signingKey) header() map[string]any {
	return map[string]any{"alg": "RS256", "typ": "JWT", "kid": k.id}
}

// sign makes a token by hand, so that no library has a say in what is wrong.
func (k signingKey) sign(claims, header map[string]any) string {
	text := encodeJSON(header) + "." + encodeJSON(claims)
	sum := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(nil, k.private, crypto.SHA256, sum[:])
	if err != nil {
		panic(err) // a key that cannot sign is none
	}
	return text + "." + encode(signature)
}

// sign is for the tenant's own tokens.
func (s *Server) sign(claims map[string]any) string { return s.key().sign(claims, s.key().header()) }

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func encodeJSON(v map[string]any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // a test put in what JSON cannot say
	}
	return encode(text)
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
