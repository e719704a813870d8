using NATS.Client.Core;

namespace Kine.Backends.Nats;

/// <summary>How to reach a NATS server with JetStream and which log in it to use.</summary>
public sealed record NatsOptions
{
    /// <summary><see cref="ApiPrefix"/> without a domain.</summary>
    internal const string PlainApiPrefix = "$JS.API.";

    /// <summary>Servers of one cluster, <c>nats://host:port</c> or <c>tls://host:port</c>, without credentials. Any of them will do.</summary>
    public required IReadOnlyList<string> Servers { get; init; }

    /// <summary>Names the log; letters, digits, '-' and '_'.</summary>
    public string Bucket { get; init; } = "kine";

    /// <summary>Copies of the stream in a cluster, 1 to 5; only used when the stream is created.</summary>
    public int Replicas { get; init; } = 1;

    /// <summary>Requests slower than this are logged; zero = none.</summary>
    public TimeSpan SlowMethod { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>The log-in, in the client library's words. What files hold is read for each connection.</summary>
    public NatsAuthOpts Auth { get; init; } = NatsAuthOpts.Default;

    /// <summary>Encryption, CA and own certificate, in the client library's words.</summary>
    public NatsTlsOpts Tls { get; init; } = NatsTlsOpts.Default;

    /// <summary>Subject prefix of replies, where the account allows no other; null = the usual one.</summary>
    public string? InboxPrefix { get; init; }

    /// <summary>Subject prefix of JetStream's API, with its last dot; another one for a JetStream domain.</summary>
    public string ApiPrefix { get; init; } = PlainApiPrefix;

    /// <summary>How long an answer may take before the connection is given up.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Name of the stream.</summary>
    internal string Stream => $"KINE_{Bucket}";

    /// <summary>The one subject of the stream.</summary>
    internal string Subject => $"kine.{Bucket}.log";

    /// <summary>Name of the stream that holds the reserve. No bucket's log is called so.</summary>
    internal string ReserveStream => $"KINE-reserve_{Bucket}";

    /// <summary>The one subject of that stream.</summary>
    internal string ReserveSubject => $"kine.{Bucket}.reserve";

    /// <summary>Name of the stream that holds the last part of the reserve. No bucket's log is called so.</summary>
    internal string LastStream => $"KINE-last_{Bucket}";

    /// <summary>The one subject of that stream.</summary>
    internal string LastSubject => $"kine.{Bucket}.last";

    /// <summary>Name of the key-value bucket in which the processes on the log find each other. No bucket's log is called so.</summary>
    internal string SiloBucket => $"KINE-silos_{Bucket}";

    /// <summary>Name of the stream that is that bucket.</summary>
    internal string SiloStream => $"KV_{SiloBucket}";

    /// <summary>The subjects of that stream, one a key.</summary>
    internal string SiloSubjects => $"$KV.{SiloBucket}.>";

    /// <summary>The one key's subject.</summary>
    internal string SiloSubject => $"$KV.{SiloBucket}.silos";

    /// <summary>Without secrets, unlike what a record prints by itself.</summary>
    public override string ToString() => $"nats {string.Join(',', Servers)} bucket {Bucket}";
}
