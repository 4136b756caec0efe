package tenant

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// User is a user as the tenant has it.
type User struct {
	ID            string `json:"user_id"`
	Email         string `json:"email"`
	EmailVerified bool   `json:"email_verified"`
	Name          string `json:"name"`
	Blocked       bool   `json:"blocked,omitempty"` // left out while false, as the tenant does
	CreatedAt     string `json:"created_at"`
	UpdatedAt     string `json:"updated_at"`
}

type user struct {
	User
	password    string
	mfa, leaked bool
}

// AddUser puts a user in place, with a verified email and any password, and gives
// the subject.
func (s *Server) AddUser(email, password, name string) (subject string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.add(User{Email: strings.ToLower(email), EmailVerified: true, Name: name}, password).ID
}

// User gives a user, and whether there is one.
func (s *Server) User(subject string) (User, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, ok := s.users[subject]
	if !ok {
		return User{}, false
	}
	return u.User, true
}

// Block shuts a user out, as an administrator does in the dashboard.
func (s *Server) Block(subject string) { s.edit(subject, func(u *user) { u.Blocked = true }) }

// RequireMFA makes every sign-in of a user ask for a second factor.
func (s *Server) RequireMFA(subject string) { s.edit(subject, func(u *user) { u.mfa = true }) }

// Leak makes the tenant think that a user's password has leaked, until it is changed.
func (s *Server) Leak(subject string) { s.edit(subject, func(u *user) { u.leaked = true }) }

// edit changes a user, if there is one.
func (s *Server) edit(subject string, change func(*user)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if u, ok := s.users[subject]; ok {
		change(u)
	}
}

func (s *Server) add(u User, password string) *user {
	s.order++
	u.ID = fmt.Sprintf("auth0|%024x", s.order)
	u.CreatedAt = stamp(s.cfg.Now())
	u.UpdatedAt = u.CreatedAt
	if u.Name == "" {
		u.Name = u.Email
	}
	made := &user{User: u, password: password}
	s.users[u.ID] = made
	return made
}

func (s *Server) byEmail(email string) *user {
	for _, u := range s.users {
		if strings.EqualFold(u.Email, email) {
			return u
		}
	}
	return nil
}

// userBody is what a creation or a change may say.
type userBody struct {
	Connection    string  `json:"connection"`
	ClientID      string  `json:"client_id"`
	Email         *string `json:"email"`
	EmailVerified *bool   `json:"email_verified"`
	VerifyEmail   *bool   `json:"verify_email"`
	Password      *string `json:"password"`
	Name          *string `json:"name"`
	Blocked       *bool   `json:"blocked"`
}

// readBody takes a body apart; an unknown member is refused, as the tenant does.
func readBody(w http.ResponseWriter, r *http.Request) (userBody, bool) {
	var in userBody
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	err := d.Decode(&in)
	if err == nil && in.Name != nil && *in.Name == "" {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		refuse(w, http.StatusBadRequest, "invalid_body", "Payload validation error: '"+err.Error()+"'.")
	}
	return in, err == nil
}

func (s *Server) createUser(w http.ResponseWriter, r *http.Request) {
	in, ok := readBody(w, r)
	if !ok {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case in.Connection == "":
		refuse(w, http.StatusBadRequest, "invalid_body", "Payload validation error: 'Missing required property: connection'.")
		return
	case in.Connection != s.cfg.Connection || s.settings.NoConnection:
		refuse(w, http.StatusBadRequest, "inexistent_connection", "The connection does not exist.")
		return
	case in.Email == nil || !strings.Contains(*in.Email, "@") || in.Password == nil:
		refuse(w, http.StatusBadRequest, "invalid_body", "Payload validation error: 'Object didn't pass validation for format email'.")
		return
	case s.byEmail(*in.Email) != nil:
		refuse(w, http.StatusConflict, "auth0_idp_error", "The user already exists.")
		return
	}
	u := User{Email: strings.ToLower(*in.Email), EmailVerified: in.EmailVerified != nil && *in.EmailVerified}
	if in.Name != nil {
		u.Name = *in.Name
	}
	if fault := policy(s.settings.PasswordPolicy, *in.Password, u); fault != "" {
		refuse(w, http.StatusBadRequest, "", fault)
		return
	}
	write(w, http.StatusCreated, s.add(u, *in.Password).User)
}

func (s *Server) readUser(w http.ResponseWriter, r *http.Request) {
	if u, ok := s.User(r.PathValue("id")); ok {
		write(w, http.StatusOK, u)
		return
	}
	refuse(w, http.StatusNotFound, "inexistent_user", "The user does not exist.")
}

func (s *Server) deleteUser(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.users, r.PathValue("id"))
	w.WriteHeader(http.StatusNoContent) // for one who is gone as well
}

func (s *Server) changeUser(w http.ResponseWriter, r *http.Request) {
	in, ok := readBody(w, r)
	if !ok {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	u, ok := s.users[r.PathValue("id")]
	if !ok {
		refuse(w, http.StatusNotFound, "inexistent_user", "The user does not exist.")
		return
	}
	if code, fault := s.unchangeable(u, in); fault != "" {
		refuse(w, http.StatusBadRequest, code, fault)
		return
	}
	s.apply(u, in)
	write(w, http.StatusOK, u.User)
}

// unchangeable is why a change is refused.
func (s *Server) unchangeable(u *user, in userBody) (code, fault string) {
	switch {
	case in.Connection != "" && in.Connection != s.cfg.Connection:
		return "inexistent_connection", "The connection does not exist."
	case in.Email != nil && in.Password != nil:
		return "operation_not_supported", "Cannot update password and email simultaneously"
	case in.Email != nil:
		if other := s.byEmail(*in.Email); other != nil && other != u {
			return "auth0_idp_error", "The specified new email already exists"
		}
	case in.Password != nil:
		return "", policy(s.settings.PasswordPolicy, *in.Password, u.User)
	}
	return "", ""
}

func (s *Server) apply(u *user, in userBody) {
	if in.Email != nil {
		u.Email, u.EmailVerified = strings.ToLower(*in.Email), false
	}
	if in.EmailVerified != nil {
		u.EmailVerified = *in.EmailVerified
	}
	if in.Name != nil {
		u.Name = *in.Name
	}
	if in.Blocked != nil {
		u.Blocked = *in.Blocked
	}
	if in.Password != nil {
		u.password, u.leaked = *in.Password, false
		for who := range s.wrong { // a changed password unblocks the account
			if strings.EqualFold(who.email, u.Email) {
				delete(s.wrong, who)
			}
		}
	}
	u.UpdatedAt = stamp(s.cfg.Now())
}
