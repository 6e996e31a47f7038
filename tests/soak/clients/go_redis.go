// An application by go-redis: what redis_py.py is by redis-py.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

// How long between two writes, and after one that failed.
const pause = 2 * time.Millisecond

type access struct {
	Sentinels []struct {
		Host string
		Port int
	}
	MasterName, Username, Password, Prefix string
}

type result struct {
	Acknowledged []int   `json:"acknowledged"`
	Failed       int     `json:"failed"`
	LongestGap   float64 `json:"longestGap"`
}

func main() {
	in := bufio.NewReader(os.Stdin)
	line, err := in.ReadBytes('\n')
	var to access
	if err == nil {
		err = json.Unmarshal(line, &to)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	options := redis.FailoverOptions{
		MasterName: to.MasterName,
		Username:   to.Username, Password: to.Password,
		SentinelUsername: to.Username, SentinelPassword: to.Password,
	}
	for _, sentinel := range to.Sentinels {
		options.SentinelAddrs = append(options.SentinelAddrs, sentinel.Host+":"+strconv.Itoa(sentinel.Port))
	}
	master := redis.NewFailoverClient(&options)

	ended := make(chan struct{})
	go func() {
		io.Copy(io.Discard, in)
		close(ended)
	}()
	var out result
	var last time.Time
	for number := 1; ; number++ {
		select {
		case <-ended:
			json.NewEncoder(os.Stdout).Encode(out)
			return
		case <-time.After(pause):
		}
		if err := master.Set(context.Background(), to.Prefix+strconv.Itoa(number), number, 0).Err(); err != nil {
			out.Failed++
			continue
		}
		now := time.Now()
		if len(out.Acknowledged) > 0 {
			out.LongestGap = max(out.LongestGap, now.Sub(last).Seconds())
		}
		last = now
		out.Acknowledged = append(out.Acknowledged, number)
	}
}
