package tenant

import (
	"strings"
	"unicode"
)

// policy is why a password is refused, in the tenant's words; empty: it is not.
// See https://auth0.com/docs/authenticate/database-connections/password-strength.
func policy(name, password string, u User) string {
	local, _, _ := strings.Cut(u.Email, "@")
	lower := strings.ToLower(password)
	switch {
	case tooWeak(name, password):
		return "PasswordStrengthError: Password is too weak"
	case lower == "password1!" || lower == "passw0rd!" || lower == "qwerty123!":
		return "PasswordDictionaryError: Password is too common"
	case len(local) > 2 && strings.Contains(lower, strings.ToLower(local)), u.Name != "" && strings.Contains(lower, strings.ToLower(u.Name)):
		return "PasswordNoUserInfoError: Password contains user information"
	default:
		return ""
	}
}

func tooWeak(name, password string) bool {
	var lower, upper, digit, special int
	for _, r := range password {
		switch {
		case unicode.IsLower(r):
			lower = 1
		case unicode.IsUpper(r):
			upper = 1
		case unicode.IsDigit(r):
			digit = 1
		default:
			special = 1
		}
	}
	length := len([]rune(password))
	switch name {
	case "low":
		return length < 6
	case "fair":
		return length < 8 || lower+upper+digit < 3
	case "good":
		return length < 8 || lower+upper+digit+special < 3
	default:
		return length < 1
	}
}
