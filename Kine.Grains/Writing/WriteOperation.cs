using Google.Protobuf;
using Kine.Backends;
using Kine.Etcd;
using Kine.Grains.Index;
using Kine.Grains.Values;

namespace Kine.Grains.Writing;

/// <summary>
/// A request on its way through the writer: evaluated once on the newest state, answered when everything it was evaluated on is durable.
/// <code>
/// waiting -> evaluated -> (its batch appended) -> answered
///     ^--- parked while a value it depends on is fetched
/// </code>
/// </summary>
internal abstract class WriteOperation : WriterItem
{
    private List<WantedValue>? _wanted;
    private Dictionary<RecordId, ReadOnlyMemory<byte>>? _fetched;
    private IDisposable? _pin;
    private long? _parkedAt;

    /// <summary>Versions whose values must be fetched before it can be evaluated.</summary>
    public List<VersionedKey>? Needs { get; private set; }

    /// <summary>The error its evaluation ended with; nothing was changed then.</summary>
    public EtcdException? Error { get; set; }

    /// <summary>Does what was asked to <paramref name="state"/>. When <see cref="Needs"/> is set afterwards, nothing was done.</summary>
    public abstract void Evaluate(WriteState state);

    public override void Run(WriteLoop loop) => loop.Evaluate(this);

    /// <summary>Ends the caller's wait with the reply.</summary>
    protected abstract void Succeed();

    /// <summary>What is left of the time that it may be parked, from the first time on.</summary>
    public TimeSpan TimeToPark(TimeProvider time, TimeSpan limit)
    {
        _parkedAt ??= time.GetTimestamp();
        return limit - time.GetElapsedTime(_parkedAt.Value);
    }

    /// <summary>Called once everything it was evaluated on is durable; values that the reply lacks may take up to <paramref name="limit"/>.</summary>
    public void Answer(ValueReader values, TimeSpan limit, TimeProvider time)
    {
        if (Error is not null)
        {
            Fail(Error);
        }
        else if (_wanted is null)
        {
            Filled();
            Succeed();
        }
        else
        {
            _ = FillThenSucceed(values, _wanted, limit, time);
        }
    }

    /// <summary>Lets go of what it keeps from compaction, when it will not be answered.</summary>
    public virtual void Release() => _pin?.Dispose();

    /// <summary>Forgets its evaluation, which was taken back.</summary>
    public void Reset()
    {
        Release();
        (_pin, _wanted, Error) = (null, null, null);
    }

    /// <summary>Notes that the value of a version decides the outcome and is not in memory.</summary>
    public void Need(ReadOnlyMemory<byte> key, in KeyVersion version) => (Needs ??= []).Add(new VersionedKey(key, version));

    /// <summary>Takes what was fetched for <see cref="Needs"/>; versions that compaction took are looked up anew at the next evaluation.</summary>
    public void Resume(ReadOnlyMemory<byte>?[] found)
    {
        for (var i = 0; i < found.Length; i++)
        {
            if (found[i] is { } keyValue)
                Keep(Needs![i].Version.Id, keyValue);
        }

        Needs = null;
    }

    /// <summary>Keeps a pair at hand until the operation is answered.</summary>
    public void Keep(RecordId id, ReadOnlyMemory<byte> keyValue) => (_fetched ??= [])[id] = keyValue;

    /// <summary>A pair fetched for this operation beforehand.</summary>
    public bool TryFetched(RecordId id, out ReadOnlyMemory<byte> keyValue)
    {
        if (_fetched is not null)
            return _fetched.TryGetValue(id, out keyValue);

        keyValue = default;
        return false;
    }

    /// <summary>The pair of a version for the reply; its value is filled in before the answer when it is not in memory now.</summary>
    public KeyValue Pair(WriteState state, ReadOnlyMemory<byte> key, in KeyVersion version, bool keysOnly = false)
    {
        var pair = new KeyValue
        {
            Key = UnsafeByteOperations.UnsafeWrap(key),
            CreateRevision = version.Create,
            ModRevision = version.Mod,
            Version = version.Version,
            Lease = version.Lease,
        };
        if (keysOnly || version.ValueLength == 0)
            return pair;

        if (state.TryKeyValue(this, version.Id, out var keyValue))
        {
            pair.Value = UnsafeByteOperations.UnsafeWrap(KeyValueWire.Value(keyValue));
        }
        else
        {
            // The pin is at the oldest revision any read may ask for, so that it covers all of this operation's versions.
            _pin ??= state.Pin();
            (_wanted ??= []).Add(new WantedValue(pair, new VersionedKey(key, version)));
        }

        return pair;
    }

    private async Task FillThenSucceed(ValueReader values, List<WantedValue> wanted, TimeSpan limit, TimeProvider time)
    {
        try
        {
            var found = await values.Read(wanted.ConvertAll(want => want.Version), limit, time);
            for (var i = 0; i < found.Length; i++)
            {
                wanted[i].Pair.Value = found[i] is { } keyValue
                    ? UnsafeByteOperations.UnsafeWrap(KeyValueWire.Value(keyValue))
                    : throw new InvalidDataException($"The store lacks the value written at revision {wanted[i].Version.Version.Mod}.");
            }

            Filled();
            Succeed();
        }
        catch (TimeoutException)
        {
            // As any request whose outcome its caller may not learn.
            Release();
            Fail(EtcdErrors.TimedOut);
        }
        catch (Exception error)
        {
            // The write itself is done and durable; only its answer could not be put together.
            Release();
            Fail(error as EtcdException ?? new EtcdException(StatusCode.Unavailable, $"etcdserver: the reply could not be read: {error.Message}"));
        }
        finally
        {
            _pin?.Dispose();
        }
    }

    /// <summary>Called once all values are in the reply.</summary>
    protected virtual void Filled()
    {
    }

    private readonly record struct WantedValue(KeyValue Pair, VersionedKey Version);
}

/// <summary>A <see cref="WriteOperation"/> with its reply.</summary>
internal abstract class WriteOperation<TReply> : WriteOperation
    where TReply : class
{
    private readonly TaskCompletionSource<TReply> _answered = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private CancellationTokenRegistration _givenUp;

    /// <summary>The caller's wait.</summary>
    public Task<TReply> Answered => _answered.Task;

    /// <summary>The reply, from evaluation on.</summary>
    protected TReply? Reply { get; set; }

    /// <summary>Ends the caller's wait when the token fires, and nothing else: what was asked for may still happen.</summary>
    public void GiveUpOn(CancellationToken cancellationToken) => _givenUp = cancellationToken.UnsafeRegister(
        static (answered, token) => ((TaskCompletionSource<TReply>)answered!).TrySetCanceled(token), _answered);

    public override void Fail(EtcdException error)
    {
        _givenUp.Unregister();
        _answered.TrySetException(error.Copy());
    }

    protected override void Succeed()
    {
        _givenUp.Unregister();
        if (!_answered.TrySetResult(Reply!))
            Release(); // nobody waits any more
    }
}
