package webhook

// Refuse lets tests look at addresses that they cannot reach.
func Refuse(address string) error { return refuse("tcp", address, nil) }
