namespace Kine.Backends.Nats;

/// <summary>How to reach a NATS server with JetStream and which log in it to use.</summary>
public sealed record NatsOptions
{
    /// <summary>Servers of one cluster, <c>nats://host:port</c> or <c>tls://host:port</c>, without credentials. Any of them will do.</summary>
    public required IReadOnlyList<string> Servers { get; init; }

    /// <summary>Names the log; letters, digits, '-' and '_'.</summary>
    public string Bucket { get; init; } = "kine";

    /// <summary>Copies of the stream in a cluster, 1 to 5; only used when the stream is created.</summary>
    public int Replicas { get; init; } = 1;

    /// <summary>Requests slower than this are logged; zero = none.</summary>
    public TimeSpan SlowMethod { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>User name; null = none.</summary>
    public string? User { get; init; }

    /// <summary>Password of <see cref="User"/>.</summary>
    public string? Password { get; init; }

    /// <summary>Token, where the server asks for one instead of user and password.</summary>
    public string? Token { get; init; }

    /// <summary>File with a user JWT and its seed, as <c>nsc</c> writes it; null = none.</summary>
    public string? CredentialsFile { get; init; }

    /// <summary>File with the seed of an NKey; null = none.</summary>
    public string? SeedFile { get; init; }

    /// <summary>CA of the server (PEM file); null = the system's.</summary>
    public string? CaFile { get; init; }

    /// <summary>Certificate shown to the server (PEM file); null = none.</summary>
    public string? CertFile { get; init; }

    /// <summary>Private key of that certificate (PEM file).</summary>
    public string? KeyFile { get; init; }

    /// <summary>True = take any certificate of the server.</summary>
    public bool SkipVerify { get; init; }

    /// <summary>Subject prefix of replies, where the account allows no other; null = the usual one.</summary>
    public string? InboxPrefix { get; init; }

    /// <summary>Subject prefix of JetStream's API, with its last dot; another one for a JetStream domain.</summary>
    public string ApiPrefix { get; init; } = "$JS.API.";

    /// <summary>How long an answer may take before the connection is given up.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Name of the stream.</summary>
    internal string Stream => $"KINE_{Bucket}";

    /// <summary>The one subject of the stream.</summary>
    internal string Subject => $"kine.{Bucket}.log";

    /// <summary>Without secrets, unlike what a record prints by itself.</summary>
    public override string ToString() => $"nats {string.Join(',', Servers)} bucket {Bucket}";
}
