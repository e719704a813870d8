namespace Kine.Grains;

/// <summary>gRPC status codes that the API answers with, by their wire numbers.</summary>
public enum StatusCode
{
    Ok = 0,
    Cancelled = 1,
    Unknown = 2,
    InvalidArgument = 3,
    DeadlineExceeded = 4,
    NotFound = 5,
    AlreadyExists = 6,
    PermissionDenied = 7,
    ResourceExhausted = 8,
    FailedPrecondition = 9,
    Aborted = 10,
    OutOfRange = 11,
    Unimplemented = 12,
    Internal = 13,
    Unavailable = 14,
    DataLoss = 15,
    Unauthenticated = 16,
}

/// <summary>An answer that is an error: its gRPC code, and as message the text that clients match on.</summary>
[GenerateSerializer]
public sealed class EtcdException : Exception
{
    /// <summary>An error with the given code and text; the named ones are in <see cref="EtcdErrors"/>.</summary>
    public EtcdException(StatusCode code, string message)
        : base(message) => Code = code;

    /// <summary>The same error as an object of its own: one that several callers throw would mix up their stack traces.</summary>
    public EtcdException Copy() => new(Code, Message) { IsNoLeader = IsNoLeader };

    /// <summary>gRPC status code.</summary>
    [Id(0)]
    public StatusCode Code { get; private set; }

    /// <summary>True for <see cref="EtcdErrors.NoLeader"/>, which shares its code with others.</summary>
    [Id(1)]
    public bool IsNoLeader { get; init; }
}
