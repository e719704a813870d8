using NATS.Client.JetStream.Models;

namespace Kine.Backends.Nats;

/// <summary>The server answered with an error: what was asked for certainly did not happen.</summary>
/// <param name="code">The server's <c>err_code</c>, or a status.</param>
/// <param name="description">Its words.</param>
internal sealed class JetStreamException(int code, string? description) : Exception($"{description ?? "unknown error"} (JetStream error {code})")
{
    /// <summary>Nobody listens on the subject of the request.</summary>
    public const int NoResponder = 503;

    /// <summary>Another message came in between.</summary>
    public const int WrongLastSequence = 10071;

    /// <summary>Another message came in between, or is about to: said by a cluster that cannot tell its sequence yet.</summary>
    public const int WrongLastSequenceUntold = 10164;

    /// <summary>No such stream.</summary>
    public const int StreamNotFound = 10059;

    /// <summary>The stream exists with another configuration.</summary>
    public const int StreamNameInUse = 10058;

    /// <summary>Another stream, or this one while it is being made, has the subject.</summary>
    public const int SubjectOverlap = 10065;

    /// <summary>No such message.</summary>
    public const int NoMessageFound = 10037;

    /// <summary>The server is not set up for JetStream.</summary>
    public const int NotEnabled = 10076;

    /// <summary>The account may not use JetStream.</summary>
    public const int NotEnabledForAccount = 10039;

    /// <summary>The server has reached its limit of storage: said to every message until there is less.</summary>
    public const int InsufficientResources = 10023;

    /// <summary>The account would pass its limit of storage. Servers up to 2.9 give the sequence away all the same.</summary>
    public const int AccountResourcesExceeded = 10002;

    public JetStreamException(ApiError error)
        : this(error.ErrCode == 0 ? error.Code : error.ErrCode, error.Description)
    {
    }

    /// <summary>The server's <c>err_code</c>, or a status.</summary>
    public int Code => code;

    /// <summary>True where a message was refused because there is no space for it. A limit of the stream itself (10077) is no such case: it is not to have one.</summary>
    public bool IsFull => code is InsufficientResources or AccountResourcesExceeded;

    public static JetStreamException NoResponders() =>
        new(NoResponder, "no JetStream answers: it is not enabled, has no leader now, or the stream is gone");
}
