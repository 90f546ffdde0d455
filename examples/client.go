// client.go HOST PORT NAME [--tls CAFILE] [--state FILE]: a whole client, of Go's standard library alone.
// Lines of standard input, `Bob hello`, are sent one after the other; what arrives is printed as `Alice: hello`, all else to
// standard error. PRIVMSG_PASSWORD or PRIVMSG_TOKEN proves the name. At the end of input what waits is fetched, then it ends.
package main
import ("bufio"; "crypto/tls"; "crypto/x509"; "encoding/json"; "fmt"; "log"; "net"; "os"; "regexp"; "strings"; "time")
const heartbeat = 30 * time.Second // a connection on which nothing comes for two of them is dead
type object = map[string]any
var (
	options, lines   = map[string]string{}, make(chan string)
	send             func(any) error
	roots            *x509.CertPool // for TLS
	resumeToken      any     // proves the name on the next connection
	epoch, pos       float64 // up to pos, which counts within epoch (0: in none), everything has been printed
	message          object  // has no answer yet
	attempt, refused int
)

func main() {
	usable := regexp.MustCompile(`^.+\n.+\n.+(\n--(tls|state)\n.+)*$`).MatchString(strings.Join(os.Args[1:], "\n"))
	if !usable { log.Print("usage: client.go HOST PORT NAME [--tls CAFILE] [--state FILE]"); os.Exit(2) }
	for i := 4; i < len(os.Args); i += 2 { options[os.Args[i]] = os.Args[i+1] }
	if file := options["--tls"]; file != "" {
		pem, err := os.ReadFile(file)
		must(err)
		if roots = x509.NewCertPool(); !roots.AppendCertsFromPEM(pem) { log.Fatal(file, ": no certificate is in it") }
	}
	state, err := os.ReadFile(options["--state"])
	if !os.IsNotExist(err) { must(err) }
	if regexp.MustCompile(`^0*\d{1,16} 0*\d{1,16}\s*$`).Match(state) { fmt.Sscan(string(state), &epoch, &pos) }
	remember() // or it could be told too late that this cannot be done
	input := bufio.NewScanner(os.Stdin)
	input.Buffer(nil, 1<<20)
	go func() { for input.Scan() { if strings.TrimSpace(input.Text()) != "" { lines <- input.Text() } }; close(lines) }()
	for ; ; attempt++ {
		wait := session()
		backoff := 100 * time.Millisecond << (attempt % 9) // up to half a minute
		time.Sleep(wait + backoff/2 + time.Duration(time.Now().UnixNano())%backoff)
	}
}

// One connection, to its end. Returns for how long the server wants to be left alone.
func session() time.Duration {
	conn, err := net.DialTimeout("tcp", net.JoinHostPort(os.Args[1], os.Args[2]), heartbeat)
	if err != nil { log.Print(err); return 0 }
	if roots != nil { conn = tls.Client(conn, &tls.Config{RootCAs: roots, ServerName: os.Args[1]}) }
	send = json.NewEncoder(conn).Encode // with a line end
	var registered, synced, ended, left bool
	frames, repeat := make(chan object), make(<-chan time.Time)
	go func() {
		defer close(frames)
		for input := json.NewDecoder(conn); ; {
			var f object
			conn.SetDeadline(time.Now().Add(2 * heartbeat))
			if err = input.Decode(&f); err != nil { return }
			frames <- f
		}
	}()
	defer func() { conn.Close(); for range frames {} }()
	for {
		if ended && synced && !left { left = true; send(object{"type": "bye"}) }
		more := lines
		if !registered || ended || message != nil { more = nil } // not yet
		select {
		case <-repeat: send(message)
		case line, open := <-more:
			if ended = !open; ended { break }
			name, text, _ := strings.Cut(line, " ")
			id := fmt.Sprint(os.Getpid(), ".", time.Now().UnixNano()) // however often it is sent, it is one message
			message = object{"type": "privateMessage", "toUsername": name, "message": text, "messageId": id, "id": id}
			send(message)
		case f, open := <-frames:
			if !open { log.Print("connection lost: ", err); return 0 }
			kind, retryable := f["type"], f["retryable"] == true
			wait := time.Duration(number(f["afterMs"])+number(f["retryAfterMs"])) * time.Millisecond
			switch {
			case kind == "hello": send(register(fmt.Sprint(f["auth"])))
			case kind == "registered":
				registered, attempt, resumeToken = true, 0, f["resumeToken"]
				synced = f["epoch"] == nil // open mode: nothing waits
				if f["resumed"] != true { epoch, pos = number(f["epoch"]), number(f["ackedPos"]) }
				if message != nil { send(message) }
			case kind == "synced": synced = true
			case kind == "ping": send(object{"type": "pong"})
			case kind == "accepted": message = nil
			case kind == "goodbye" && left: os.Exit(refused)
			case kind == "goodbye" || f["command"] == "register": // which was refused
				log.Print(f["code"], ": ", f["message"])
				if f["code"] == "authFailed" && resumeToken != nil { resumeToken = nil; return 0 } // the password may still do
				if f["reconnect"] != true && !retryable { os.Exit(1) }
				return wait
			case retryable: repeat = time.After(wait + time.Second)
			case !left: show(f)
			}
			if kind == "errorMessage" && !retryable { message, refused = nil, 1 }
		}
	}
}

func register(auth string) object {
	host, _ := os.Hostname()
	command := object{"type": "register", "username": os.Args[3], "deliver": "ack", "heartbeatMs": heartbeat.Milliseconds()}
	command["device"] = fmt.Sprintf("client.go on %.51s", host) // at most 64
	if epoch != 0 { command["after"], command["epoch"] = pos, epoch }
	way, secret := "password", os.Getenv("PRIVMSG_PASSWORD")
	if token := os.Getenv("PRIVMSG_TOKEN"); token != "" { way, secret = "token", token }
	if secret != "" && strings.Contains(auth, way) { command[way] = secret } // not where it could be overheard
	if resumeToken != nil { delete(command, way); command["resumeToken"] = resumeToken }
	return command
}

// Prints what arrived, once, and acknowledges it only then.
func show(f object) {
	at := number(f["pos"])
	if at != 0 && at <= pos { return }
	if f["to"] != nil { f["from"] = fmt.Sprint(f["from"], " to ", f["to"]) } // another device of this account sent it
	plain := func(r rune) rune { if r < ' ' || r >= 0x7f && r < 0xa0 { return ' ' }; return r }
	text := strings.Map(plain, fmt.Sprint(f["from"], ": ", f["message"]))
	if f["type"] == "privateMessage" { fmt.Println(text) } else { log.Print(f) }
	if at != 0 { pos = at; remember(); send(object{"type": "ack", "pos": pos}) }
}
func remember() {
	if file := options["--state"]; file != "" {
		must(os.WriteFile(file+".new", []byte(fmt.Sprintf("%.0f %.0f", epoch, pos)), 0o600))
		must(os.Rename(file+".new", file))
	}
}
func must(err error) { if err != nil { log.Fatal(err) } }
func number(value any) float64 { number, _ := value.(float64); return number }
