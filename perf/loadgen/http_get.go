package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"sort"
	"strconv"
	"strings"
	"time"
)

// httpGet asks for a URL again and again, one request at a time, and prints how long the answers took. "{}" in the URL stands for
// a random number below -below. With -slow it keeps so many connections open beside that, each with half a request head that
// grows by a byte a second.
func httpGet(ctx context.Context, args []string) error {
	flags, _ := flagsOf("http-get")
	url := flags.String("url", "http://127.0.0.1:8080/api/topics", "what to ask for")
	below := flags.Int64("below", 1, "bound of the random number")
	from := flags.Int64("from", 0, "least random number")
	seconds := flags.Int("seconds", 20, "for how long")
	pause := flags.Duration("pause", 10*time.Millisecond, "between two requests")
	slow := flags.Int("slow", 0, "slow connections beside it")
	flags.Parse(args)
	ctx, stop := context.WithTimeout(ctx, time.Duration(*seconds)*time.Second)
	defer stop()
	host := strings.SplitN(strings.TrimPrefix(*url, "http://"), "/", 2)[0]
	for range *slow {
		go creep(ctx, host)
	}
	client := &http.Client{Timeout: 30 * time.Second}
	var took []time.Duration
	var bytes int64
	for ctx.Err() == nil {
		number := strconv.FormatInt(*from+rand.Int64N(*below), 10)
		began := time.Now()
		answer, err := client.Get(strings.ReplaceAll(*url, "{}", number))
		if err != nil {
			return err
		}
		read, err := io.Copy(io.Discard, answer.Body)
		answer.Body.Close()
		if err != nil {
			return err
		}
		if answer.StatusCode != http.StatusOK {
			return fmt.Errorf("%s: %s", *url, answer.Status)
		}
		took, bytes = append(took, time.Since(began)), bytes+read
		time.Sleep(*pause)
	}
	sort.Slice(took, func(a, b int) bool { return took[a] < took[b] })
	at := func(part float64) float64 { return took[int(part*float64(len(took)-1))].Seconds() * 1000 }
	fmt.Printf("requests\t%d\t\np50\t%.2f\tms\np99\t%.2f\tms\nmax\t%.2f\tms\nanswer\t%d\tbytes\n", len(took), at(0.5), at(0.99), at(1), bytes/int64(len(took)))
	return nil
}

// creep sends a head without end, a byte a second, and begins anew when it is cut.
func creep(ctx context.Context, host string) {
	for ctx.Err() == nil {
		conn, err := net.DialTimeout("tcp", host, 5*time.Second)
		if err == nil {
			_, err = io.WriteString(conn, "GET /api/topics HTTP/1.1\r\nX: ")
			for err == nil && ctx.Err() == nil {
				time.Sleep(time.Second)
				_, err = io.WriteString(conn, "x")
			}
			conn.Close()
		} else {
			time.Sleep(100 * time.Millisecond)
		}
	}
}
