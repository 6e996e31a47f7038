// A table of what a stack may not say, and by which words it is refused.
import { host, hosts, said, keyPair, secrets } from "../helpers/config";

test.each<[string, Record<string, unknown>, RegExp]>([
  // Hosts
  ["no hosts", { hosts: undefined }, /^hosts is nothing; expected a map of at least three hosts/],
  ["hosts as a list", { hosts: ["console"] }, /^hosts is \["console"\]; expected a map/],
  ["hosts as text", { hosts: "{console" }, /^hosts is "{console"; expected a map/],
  [
    "a host that is no map",
    { hosts: hosts({ "app-2": "10.77.0.13" }) },
    /^hosts.app-2 is "10.77.0.13"; expected a map with address/,
  ],
  [
    "an unknown field of a host",
    { hosts: hosts({ "app-2": host("10.77.0.13", { adress: 1 }) }) },
    /^hosts.app-2.adress is unknown; expected one of address, sshHost/,
  ],
  [
    "an illegal name",
    { hosts: hosts({ App_3: host("10.77.0.14", { sentinel: false }) }) },
    /^hosts.App_3 is "App_3"; expected a name of lower-case/,
  ],
  [
    "a name that ends in a dash",
    { hosts: hosts({ "app-": host("10.77.0.14", { sentinel: false }) }) },
    /^hosts.app- is "app-"; expected a name/,
  ],
  [
    "a bastion by name",
    { hosts: hosts({ "dev.backend-bastion": host("10.77.0.14", { sentinel: false }) }) },
    /^hosts\["dev.backend-bastion"\] is "dev.backend-bastion"; expected a member: a bastion never is one/,
  ],
  [
    "a bastion by SSH host",
    {
      hosts: hosts({
        "app-3": host("10.77.0.14", {
          sentinel: false,
          sshHost: "dev.backend-bastion.example.com",
        }),
      }),
    },
    /^hosts.app-3 is "dev.backend-bastion.example.com"; expected a member/,
  ],
  [
    "no address",
    { hosts: hosts({ "app-2": { hostKey: keyPair.public } }) },
    /^hosts.app-2.address is nothing; expected the host's own IPv4 address/,
  ],
  ...[
    "app2.example.com",
    "127.0.0.1",
    "127.1.2.3",
    "0.0.0.0",
    "224.0.0.1",
    "255.255.255.255",
    "10.77.0",
    "10.77.0.256",
    "::1",
    "10.77.0.13 ",
  ].map((address): [string, Record<string, unknown>, RegExp] => [
    `${address} as an address`,
    { hosts: hosts({ "app-2": host(address) }) },
    /^hosts.app-2.address is ".*"; expected the host's own IPv4 address/,
  ]),
  [
    "one address twice",
    { hosts: hosts({ "app-2": host("10.77.0.12") }) },
    /^hosts.app-2 is at 10.77.0.12, as app-1; expected a host of its own/,
  ],
  [
    "one address behind two SSH hosts",
    { hosts: hosts({ "app-2": host("10.77.0.12", { sshHost: "app2.example.com" }) }) },
    /^hosts.app-2 is at 10.77.0.12, as app-1/,
  ],
  [
    "one SSH host twice",
    { hosts: hosts({ "app-2": host("10.77.0.13", { sshHost: "10.77.0.12" }) }) },
    /^hosts.app-2 is at 10.77.0.12, as app-1/,
  ],
  [
    "an SSH host with a user in it",
    { hosts: hosts({ "app-2": host("10.77.0.13", { sshHost: "deploy@app2" }) }) },
    /^hosts.app-2.sshHost is "deploy@app2"; expected a host name/,
  ],
  [
    "an SSH host that is an option",
    { hosts: hosts({ "app-2": host("10.77.0.13", { sshHost: "-oProxyCommand=x" }) }) },
    /^hosts.app-2.sshHost is/,
  ],
  [
    "no host key",
    { hosts: hosts({ "app-2": { address: "10.77.0.13" } }) },
    /^hosts.app-2.hostKey is nothing; expected "ssh-ed25519 AAAA..."; run ops\/host-keys/,
  ],
  [
    "an rsa host key",
    { hosts: hosts({ "app-2": host("10.77.0.13", { hostKey: "ssh-rsa AAAAB3NzaC1yc2E" }) }) },
    /^hosts.app-2.hostKey is "ssh-rsa/,
  ],
  [
    "a line of ssh-keyscan",
    { hosts: hosts({ "app-2": host("10.77.0.13", { hostKey: `10.77.0.13 ${keyPair.public}` }) }) },
    /^hosts.app-2.hostKey is "10.77.0.13 ssh-ed25519/,
  ],
  [
    "two host keys",
    {
      hosts: hosts({
        "app-2": host("10.77.0.13", { hostKey: `${keyPair.public}\n${keyPair.public}` }),
      }),
    },
    /^hosts.app-2.hostKey is/,
  ],

  // The group
  [
    "no bootstrap master",
    { bootstrapMaster: undefined },
    /^bootstrapMaster is nothing; expected the host that starts as master, one of console, app-1, app-2$/,
  ],
  [
    "a bootstrap master elsewhere",
    { bootstrapMaster: "app-9" },
    /^bootstrapMaster is "app-9"; expected .* one of console, app-1, app-2$/,
  ],
  [
    "two sentinels",
    { hosts: hosts({ "app-2": host("10.77.0.13", { sentinel: false }) }) },
    /^hosts have 2 sentinels; expected an odd number of sentinels, at least 3$/,
  ],
  [
    "neither node nor sentinel",
    { hosts: hosts({ "app-3": host("10.77.0.14", { node: false, sentinel: false }) }) },
    /^hosts.app-3 has neither node nor sentinel; expected one of the two/,
  ],
  [
    "settings of a node where there is none",
    { hosts: hosts({ "app-2": host("10.77.0.13", { node: false, redis: { hz: 20 } }) }) },
    /^hosts.app-2.redis is set while node is false; expected settings of nodes alone$/,
  ],
  [
    "one node",
    {
      hosts: hosts({
        "app-1": host("10.77.0.12", { node: false }),
        "app-2": host("10.77.0.13", { node: false }),
      }),
      redis: { "min-replicas-to-write": 0 },
    },
    /^hosts have 1 nodes; expected at least two hosts with a node$/,
  ],
  [
    "a bootstrap master without a node",
    {
      hosts: hosts({ "app-2": host("10.77.0.13", { node: false }) }),
      bootstrapMaster: "app-2",
    },
    /^bootstrapMaster is "app-2"; expected .* one of console, app-1$/,
  ],
  [
    "a backup where there is no node",
    {
      hosts: hosts({ "app-2": host("10.77.0.13", { node: false }) }),
      backup: { hosts: ["app-2"] },
    },
    /^backup.hosts has app-2; expected at least one of console, app-1;/,
  ],
  [
    "four sentinels",
    { hosts: hosts({ "app-3": host("10.77.0.14") }) },
    /^hosts have 4 sentinels; expected an odd number/,
  ],
  [
    "one sentinel",
    { hosts: { console: host("10.77.0.11") }, redis: { "min-replicas-to-write": 0 } },
    /^hosts have 1 sentinels/,
  ],
  ["a quorum below the majority", { quorum: "1" }, /^quorum is 1; expected from 2 to 3/],
  ["a quorum above the number of sentinels", { quorum: "4" }, /^quorum is 4; expected from 2 to 3/],
  ["a quorum in words", { quorum: "two" }, /^quorum is "two"; expected an integer$/],
  ["a negative quorum", { quorum: "-2" }, /^quorum is "-2"; expected an integer$/],
  [
    "a consent in other words",
    { renamed: "redis-cluster/dev" },
    /^renamed is "redis-cluster\/dev"; expected what the refused run printed$/,
  ],
  [
    "those that are gone as a text",
    { gone: "app-9" },
    /^gone is "app-9"; expected a list of names/,
  ],
  [
    "a host that is gone and a member",
    { gone: '["app-9","app-1"]' },
    /^gone has app-1, as hosts has; expected a host in one of the two/,
  ],
  [
    "a master name with a space",
    { masterName: "redis dev" },
    /^masterName is "redis dev"; expected letters/,
  ],
  [
    "the distribution's port",
    { nodePort: "6379" },
    /^nodePort is 6379; expected a port from 1024 to 65535, and not 6379/,
  ],
  [
    "the distribution's port for sentinels",
    { sentinelPort: "6379" },
    /^sentinelPort is 6379; expected/,
  ],
  ["a privileged port", { nodePort: "1023" }, /^nodePort is 1023; expected a port/],
  ["a port too high", { sentinelPort: "65536" }, /^sentinelPort is 65536; expected a port/],
  ["a port in words", { nodePort: "redis" }, /^nodePort is "redis"; expected an integer$/],
  [
    "one port for both",
    { nodePort: "7000", sentinelPort: "7000" },
    /^sentinelPort is 7000, as nodePort; expected a port of its own$/,
  ],
  [
    "a sentinel's return before its node is back",
    { sentinelReturn: "9" },
    /^sentinelReturn is 9; expected from 10 to 900 seconds/,
  ],
  [
    "a sentinel's return too late",
    { sentinelReturn: "901" },
    /^sentinelReturn is 901; expected from 10 to 900 seconds/,
  ],
  [
    "a sentinel's return in words",
    { sentinelReturn: "never" },
    /^sentinelReturn is "never"; expected an integer$/,
  ],
  [
    "a limit that is none",
    { limits: { load: 5 } },
    /^limits.load is unknown; expected one of stall, step, pause$/,
  ],
  [
    "a limit too short",
    { limits: { stall: 9 } },
    /^limits.stall is 9; expected from 10 to 3600 seconds$/,
  ],
  [
    "a limit too long",
    { limits: { step: 86401 } },
    /^limits.step is 86401; expected from 900 to 86400 seconds$/,
  ],
  [
    "a limit in words",
    { limits: { pause: true } },
    /^limits.pause is true; expected from 1 to 60 seconds$/,
  ],
  [
    "a backup on a host that is none",
    { backup: { hosts: ["console", "app-9"] } },
    /^backup.hosts has app-9; expected at least one of/,
  ],
  ["a backup nowhere", { backup: { keep: 3 } }, /^backup.hosts has no host; expected at least one/],
  [
    "a backup's time in other words",
    { backup: { hosts: ["console"], onCalendar: "daily\nUser=root" } },
    /^backup.onCalendar is "daily.*; expected when, as systemd/,
  ],
  [
    "a backup of which none is kept",
    { backup: { hosts: ["console"], keep: 0 } },
    /^backup.keep is 0; expected how many/,
  ],
  ...[0, 1.5, "weekly", 1001].map((drill): [string, Record<string, unknown>, RegExp] => [
    `${drill} days to a backup's drill`,
    { backup: { hosts: ["console"], drill } },
    /^backup.drill is .*; expected after how many days/,
  ]),
  ...[
    ["a relative path", "backup"],
    ["a path that leaves itself", "/mnt/../etc"],
    ["a directory that the unit does not see", "/home/backup"],
    ["more than a path", "/mnt/backup\nUser=root"],
    ["an option of ssh", "sftp:-oProxyCommand=id@host:/srv"],
    ["a place that nobody tried", "b2:bucket:path"],
  ].map(([what, repository]): [string, Record<string, unknown>, RegExp] => [
    `${what} for backups`,
    {
      backup: { hosts: ["console"], repository },
      backupSecrets: { RESTIC_PASSWORD: "secret" },
    },
    /^backup.repository is .*; expected a directory of a volume of its own .*, sftp:/,
  ]),
  [
    "a repository without its password",
    { backup: { hosts: ["console"], repository: "/mnt/backup" } },
    /^backupSecrets.RESTIC_PASSWORD is missing; expected what encrypts .*--path backupSecrets.RESTIC_PASSWORD$/,
  ],
  [
    "a secret that restic does not know",
    {
      backup: { hosts: ["console"], repository: "/mnt/backup" },
      backupSecrets: { RESTIC_PASSWORD: "secret", LD_PRELOAD: "/tmp/mine.so" },
    },
    /^backupSecrets.LD_PRELOAD is unknown; expected RESTIC_PASSWORD, sshPrivateKey or AWS_/,
  ],
  [
    "a secret of two lines",
    {
      backup: { hosts: ["console"], repository: "s3:s3.example.com/redis" },
      backupSecrets: { RESTIC_PASSWORD: "secret", AWS_ACCESS_KEY_ID: "a\nRESTIC_X=b" },
    },
    /^backupSecrets.AWS_ACCESS_KEY_ID is unfit; expected/,
  ],
  [
    "a repository by SFTP whose server nobody knows",
    {
      backup: { hosts: ["console"], repository: "sftp:redis@10.77.0.5:/srv" },
      backupSecrets: { RESTIC_PASSWORD: "secret", sshPrivateKey: keyPair.private },
    },
    /^backup.hostKey is nothing; expected "ssh-ed25519/,
  ],
  [
    "a repository by SFTP without a key",
    {
      backup: {
        hosts: ["console"],
        repository: "sftp://redis@10.77.0.5:2222//srv",
        hostKey: keyPair.public,
      },
      backupSecrets: { RESTIC_PASSWORD: "secret" },
    },
    /^backupSecrets.sshPrivateKey is missing; expected .* < KEY$/,
  ],
  [
    "a legacy Redis by a name",
    { migrateFrom: { address: "redis.example" } },
    /^migrateFrom.address is "redis.example"; expected an IPv4 address$/,
  ],
  [
    "a legacy Redis that is a node of the group",
    { migrateFrom: { address: "10.77.0.12", port: 6389 } },
    /^migrateFrom is 10.77.0.12:6389, a node of this group; expected a Redis beside it/,
  ],
  [
    "a user of the legacy Redis without a password",
    { migrateFrom: { address: "10.77.0.12", user: "app" } },
    /^migratePassword is missing; expected the password of migrateFrom.user/,
  ],
  [
    "another stage of a migration",
    { migrateFrom: { address: "10.77.0.12" }, migrate: "back" },
    /^migrate is "back"; expected one of follow, cutover, final/,
  ],
  [
    "a stage of no migration",
    { migrate: "cutover" },
    /^migrate is set without migrateFrom; expected both, or neither/,
  ],
  [
    "a directory for backups that the administrator's unit does not open",
    {
      backup: { hosts: ["console"], repository: "/srv/backup" },
      backupSecrets: { RESTIC_PASSWORD: "secret" },
      ssh: { helper: true },
    },
    /^backup.repository is .srv.backup while ssh.helper is true; expected a directory below .mnt/,
  ],
  ...["8", "latest", "7.0.15 -o x=y", "7.0.15;id", "--version", "5:7.0.15/bookworm"].map(
    (packageVersion): [string, Record<string, unknown>, RegExp] => [
      `the package's version ${packageVersion}`,
      { packageVersion },
      /^packageVersion is ".*"; expected a version of redis-server as "apt-cache madison redis-server" tells it/,
    ],
  ),
  [
    "kernelSettings in words",
    { kernelSettings: "mine" },
    /^kernelSettings is "mine"; expected true or false$/,
  ],
  ["deleteData in words", { deleteData: "sure" }, /^deleteData is "sure"; expected true or false$/],
  [
    "an unknown key",
    { qourum: "2" },
    /^qourum is unknown; expected one of hosts, bootstrapMaster, quorum/,
  ],

  // SSH
  [
    "no ssh",
    { ssh: undefined },
    /^ssh is nothing; expected a map with user, port, agent, helper, bastion$/,
  ],
  ["no SSH user", { ssh: {} }, /^ssh.user is nothing; expected the name of a user$/],
  ["an SSH user with a host", { ssh: { user: "deploy@10.0.0.1" } }, /^ssh.user is "deploy@10/],
  [
    "an unknown field of ssh",
    { ssh: { user: "deploy", key: "x" } },
    /^ssh.key is unknown; expected one of user, port, agent, helper, bastion$/,
  ],
  [
    "an SSH port of 0",
    { ssh: { user: "deploy", port: 0 } },
    /^ssh.port is 0; expected a port from 1 to 65535$/,
  ],
  [
    "an SSH port as text",
    { ssh: { user: "deploy", port: "22" } },
    /^ssh.port is "22"; expected a port/,
  ],
  [
    "a bastion that is no map",
    { ssh: { user: "deploy", bastion: "10.77.0.5" } },
    /^ssh.bastion is "10.77.0.5"; expected a map with host, port, user, hostKey$/,
  ],
  [
    "a bastion without a host key",
    { ssh: { user: "deploy", bastion: { host: "10.77.0.5" } } },
    /^ssh.bastion.hostKey is nothing; expected "ssh-ed25519/,
  ],
  [
    "a bastion without a host",
    { ssh: { user: "deploy", bastion: { hostKey: keyPair.public } } },
    /^ssh.bastion.host is nothing; expected a host name/,
  ],
  [
    "an unknown field of the bastion",
    { ssh: { user: "deploy", bastion: { host: "10.77.0.5", hostKey: keyPair.public, proxy: 1 } } },
    /^ssh.bastion.proxy is unknown/,
  ],

  // Directives
  [
    "an unknown directive",
    { redis: { maxmemroy: "2gb" } },
    /^redis.maxmemroy is unknown; .* did you mean maxmemory\?$/,
  ],
  [
    "an unknown directive of a host",
    { hosts: hosts({ "app-2": host("10.77.0.13", { redis: { hz: 5000 } }) }) },
    /^hosts.app-2.redis.hz is 5000; expected an integer from 1 to 500$/,
  ],
  [
    "an owned directive of a sentinel",
    { sentinel: { quorum: 3 } },
    /^sentinel.quorum is set by this program; expected no override \(set redis-cluster:quorum\)$/,
  ],
  [
    "an owned directive of one sentinel",
    { hosts: hosts({ "app-2": host("10.77.0.13", { sentinel: { port: 1 } }) }) },
    /^hosts.app-2.sentinel.port is set by this program/,
  ],
  [
    "directives as a list",
    { redis: ["hz 10"] },
    /^redis is \["hz 10"\]; expected a map of directives$/,
  ],
  ["directives as text", { redis: "hz 10" }, /^redis is "hz 10"; expected a map of directives$/],
  [
    "no persistence",
    { redis: { appendonly: "no", save: "" } },
    /^redis.save is "" while appendonly is no; expected one of the two/,
  ],
  [
    "no persistence on one host",
    {
      redis: { appendonly: "no" },
      hosts: hosts({ "app-2": host("10.77.0.13", { redis: { save: "" } }) }),
    },
    /^hosts.app-2.redis.save is "" while appendonly is no/,
  ],
  [
    "fewer replicas to write than bound a master that is cut off",
    { redis: { "min-replicas-to-write": 0 } },
    /^hosts.console.redis.min-replicas-to-write is 0; expected at least 1/,
  ],
  [
    "the same with hosts that have no sentinel",
    {
      redis: { "min-replicas-to-write": 2 },
      hosts: hosts({
        "app-3": host("10.77.0.14", { sentinel: false }),
        "app-4": host("10.77.0.15", { sentinel: false }),
      }),
    },
    /^hosts.console.redis.min-replicas-to-write is 2; expected at least 3/,
  ],
  [
    "a lag that switches the replicas to write off",
    { redis: { "min-replicas-max-lag": 0 } },
    /^redis.min-replicas-max-lag is 0; expected an integer of at least 1/,
  ],
  [
    "more replicas to write than there are",
    { redis: { "min-replicas-to-write": 3 } },
    /^hosts.console.redis.min-replicas-to-write is 3; expected at most 2/,
  ],
  [
    "one host alone that may become master",
    {
      redis: { "replica-priority": 0 },
      hosts: hosts({ console: host("10.77.0.11", { redis: { "replica-priority": 100 } }) }),
    },
    /^redis.replica-priority is 0; expected at least two hosts that may become master$/,
  ],
  [
    "a bind without the host's address",
    { redis: { bind: "127.0.0.1" } },
    /^hosts.console.redis.bind is "127.0.0.1"; expected 0.0.0.0, or both 10.77.0.11 and 127.0.0.1$/,
  ],
  [
    "a bind without loopback",
    { hosts: hosts({ "app-2": host("10.77.0.13", { sentinel: { bind: "10.77.0.13" } }) }) },
    /^hosts.app-2.sentinel.bind is "10.77.0.13"; expected 0.0.0.0, or both 10.77.0.13 and/,
  ],

  // Firewall
  [
    "a firewall without its list",
    { firewall: { networks: [] } },
    /^firewall.networks is unknown; expected one of allow$/,
  ],
  [
    "a network that is none",
    { firewall: { allow: ["10.78.0.0/33"] } },
    /^firewall.allow is .*; expected a list of IPv4 networks/,
  ],
  [
    "an address out of range",
    { firewall: { allow: ["10.78.0.256"] } },
    /^firewall.allow has 10.78.0.256; expected IPv4 networks$/,
  ],

  // Users
  ["users that are no map", { users: "application" }, /^users is "application"; expected a map/],
  [
    "a user of the group's own",
    { users: { replication: {} } },
    /^users.replication is a user of the group's own; expected another name/,
  ],
  [
    "a user's name in capitals",
    { users: { Reports: {} }, ReportsPassword: "x" },
    /^users.Reports is .*; expected a name of lower-case letters/,
  ],
  ...(
    [
      ["keys", "~cache:*", '"cache:\\*" in users.reader.keys'],
      ["keys", "%RW~cache:*", '"cache:\\*" in users.reader.keys'],
      ["keys", "%R~app:*", '"app:\\*" in users.reader.readKeys'],
      ["keys", "%r~app:*", '"app:\\*" in users.reader.readKeys'],
      ["writeKeys", "%W~app:*", '"app:\\*" in users.reader.writeKeys'],
      ["keys", "&news", '"news" in users.reader.channels'],
      ["channels", "&news", '"news" in users.reader.channels'],
      ["channels", "~app:*", '"app:\\*" in users.reader.keys'],
      ["keys", "+get", '"\\+get" in users.reader.commands'],
      ["keys", "allkeys", '"\\*" in users.reader.keys'],
      ["channels", "allchannels", '"\\*" in users.reader.channels'],
      ["channels", "resetchannels", "\\[\\] as users.reader.channels"],
      ["keys", "resetkeys", "\\[\\] as users.reader.keys"],
      ["readKeys", "%x", "a pattern alone"],
      ["readKeys", "a ~b", "each pattern an item of its own, and \\? for a space in one"],
      ["keys", "a\tb", "each pattern an item of its own"],
    ] as const
  ).map(([list, pattern, instead]): [string, Record<string, unknown>, RegExp] => [
    `${pattern} among ${list}`,
    { users: { reader: { [list]: [pattern] } }, readerPassword: "x" },
    new RegExp(
      `^users.reader.${list} has ${JSON.stringify(pattern).replace(/[*+\\]/g, "\\$&")}; expected ${instead}`,
    ),
  ]),
  [
    "quotes in a pattern",
    { users: { application: { keys: ['a"b'] } } },
    /^users.application.keys is .*; expected a list of patterns without quotes and backslashes$/,
  ],
  [
    "patterns beside all keys, which Redis refuses",
    { users: { application: { keys: ["*"], readKeys: ["a:*"] } } },
    /^users.application.keys has "\*" beside others; expected "\*" alone: it is all keys$/,
  ],
  [
    "patterns beside all channels",
    { users: { application: { channels: ["*", "news"] } } },
    /^users.application.channels has "\*" beside others; expected "\*" alone: it is all channels$/,
  ],
  [
    "a rule that sets a password",
    { users: { application: { commands: [">secret"] } } },
    /^users.application.commands is .*; expected a list of rules/,
  ],
  ["a user without a password", { users: { reports: {} } }, /^reportsPassword is missing/],
  [
    "a password of a user that is not there",
    { reportsPassword: "x" },
    /^reportsPassword is unknown/,
  ],
  [
    "a previous password that is the current one",
    { applicationPreviousPassword: secrets.applicationPassword },
    /^applicationPreviousPassword is what applicationPassword is; expected the password before it/,
  ],

  // Secrets
  [
    "a short operator password",
    { operatorPassword: "x".repeat(31) },
    /^operatorPassword is unfit; expected 32 to 512 of A-Z a-z 0-9 _ -; set it: openssl rand -hex 32 \| pulumi config set --stack dev --secret operatorPassword$/,
  ],
  [
    "a quote in the sentinels' password",
    { sentinelPassword: `${"x".repeat(40)}"` },
    /^sentinelPassword is unfit/,
  ],
  [
    "a space in the replication password",
    { replicationPassword: `${"x".repeat(40)} x` },
    /^replicationPassword is unfit/,
  ],
  [
    "a line break in a password",
    { replicationPassword: `${"x".repeat(40)}\n` },
    /^replicationPassword is unfit/,
  ],
  [
    "a line break in the application's password",
    { applicationPassword: "a\nb" },
    /^applicationPassword is unfit; expected 1 to 512 characters/,
  ],
  [
    "a NUL in the application's password",
    { applicationPassword: "a\0b" },
    /^applicationPassword is unfit/,
  ],
  [
    "an application password too long",
    { applicationPassword: "x".repeat(513) },
    /^applicationPassword is unfit/,
  ],
  [
    "a public key as the private",
    { sshPrivateKey: keyPair.public },
    /^sshPrivateKey is no usable key \(not a private key\); expected a private key in OpenSSH.s format, without a passphrase; set it: pulumi config set --stack dev --secret sshPrivateKey < /,
  ],
  [
    "text as the private key",
    { sshPrivateKey: "secret text" },
    /^sshPrivateKey is no usable key \(Unsupported key format\)/,
  ],
])("%s is refused, by name", (_, more, expected) => {
  expect(said(more)).toContainEqual(expect.stringMatching(expected));
});
