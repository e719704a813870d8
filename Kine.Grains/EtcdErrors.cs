namespace Kine.Grains;

/// <summary>Every error of the API with etcd's gRPC code and text. Each use makes a new exception, so that none shares a stack trace.</summary>
public static class EtcdErrors
{
    public static EtcdException EmptyKey => new(StatusCode.InvalidArgument, "etcdserver: key is not provided");

    public static EtcdException KeyNotFound => new(StatusCode.InvalidArgument, "etcdserver: key not found");

    public static EtcdException ValueProvided => new(StatusCode.InvalidArgument, "etcdserver: value is provided");

    public static EtcdException LeaseProvided => new(StatusCode.InvalidArgument, "etcdserver: lease is provided");

    public static EtcdException TooManyOperations => new(StatusCode.InvalidArgument, "etcdserver: too many operations in txn request");

    public static EtcdException DuplicateKey => new(StatusCode.InvalidArgument, "etcdserver: duplicate key given in txn request");

    public static EtcdException InvalidSortOption => new(StatusCode.InvalidArgument, "etcdserver: invalid sort option");

    public static EtcdException RequestTooLarge => new(StatusCode.InvalidArgument, "etcdserver: request is too large");

    public static EtcdException Compacted => new(StatusCode.OutOfRange, CompactedText);

    public static EtcdException FutureRevision => new(StatusCode.OutOfRange, "etcdserver: mvcc: required revision is a future revision");

    public static EtcdException LeaseTtlTooLarge => new(StatusCode.OutOfRange, "etcdserver: too large lease TTL");

    public static EtcdException NoSpace => new(StatusCode.ResourceExhausted, "etcdserver: mvcc: database space exceeded");

    public static EtcdException TooManyRequests => new(StatusCode.ResourceExhausted, "etcdserver: too many requests");

    public static EtcdException ReplyTooLarge => new(StatusCode.ResourceExhausted, "etcdserver: the reply would be too large");

    public static EtcdException LeaseNotFound => new(StatusCode.NotFound, "etcdserver: requested lease not found");

    public static EtcdException LeaseExists => new(StatusCode.FailedPrecondition, "etcdserver: lease already exists");

    public static EtcdException NotLeader => new(StatusCode.FailedPrecondition, "etcdserver: not leader");

    public static EtcdException BadLeaderTransferee => new(StatusCode.FailedPrecondition, "etcdserver: bad leader transferee");

    public static EtcdException NoLeader => new(StatusCode.Unavailable, "etcdserver: no leader") { IsNoLeader = true };

    public static EtcdException LeaderChanged => new(StatusCode.Unavailable, "etcdserver: leader changed");

    public static EtcdException ServerStopped => new(StatusCode.Unavailable, "etcdserver: server stopped");

    public static EtcdException TimedOut => new(StatusCode.Unavailable, "etcdserver: request timed out");

    /// <summary>Text of <see cref="Compacted"/>, which a watch also gives as its cancel reason.</summary>
    public const string CompactedText = "etcdserver: mvcc: required revision has been compacted";

    /// <summary>The method exists in the API but makes no sense here; the reason says why.</summary>
    public static EtcdException Unimplemented(string reason) => new(StatusCode.Unimplemented, reason);
}
