using System.Buffers.Text;
using Kine.Etcd;
using Kine.Grains.Fencing;
using Kine.Grains.Index;
using Kine.Grains.Reads;
using Kine.Grains.Watch;
using Kine.Grains.Writing;

namespace Kine.Grains.Cluster;

/// <summary>See <see cref="IPrefixGrain"/>.</summary>
[Reentrant]
public sealed class PrefixGrain(ProcessState local, FollowerFeed feed, WriterOptions options) : Grain, IPrefixGrain, IFollowedWriter
{
    private IndexFollower? _follower;
    private Task? _loaded;
    private IDisposable? _fed;
    private SharedQuestion<PublishedState>? _current;

    private IRevisionGrain Writer => GrainFactory.GetGrain<IRevisionGrain>(RevisionGrain.Key);

    /// <summary>The grain key of a prefix.</summary>
    public static string KeyOf(ReadOnlySpan<byte> prefix) => Base64Url.EncodeToString(prefix);

    public async Task<WireRangeReply> Range(RangeRequest request, PublishedState atLeast)
    {
        if (local.Writer is { } writers)
        {
            var reply = await WireRangeReply.Read(writers, request);
            if (!request.Serializable || reply.Revision < atLeast.Revision)
                await Prove(writers);

            return reply;
        }

        var follower = await Follow();
        var applied = follower.View.State;
        if (!request.Serializable || Math.Max(request.Revision, atLeast.Revision) > applied.Revision || atLeast.CompactRevision > applied.CompactRevision)
            await follower.CatchUp(await Current());

        while (true)
        {
            if (request.Revision > 0 && request.Revision < follower.Floor)
                return await Writer.Range(request);

            var before = follower.View.State;
            try
            {
                return await WireRangeReply.Read(follower.View, request);
            }
            catch (Exception error) when (error is MissingValueException || (error is EtcdException { Code: StatusCode.OutOfRange } && request.Revision <= 0))
            {
                // The writer compacted away what was being read, which this index may not have heard yet.
                await follower.CatchUp(await Current());
                if (follower.View.State == before)
                    throw;
            }
        }
    }

    public override Task OnDeactivateAsync(Orleans.DeactivationReason reason, CancellationToken cancellationToken)
    {
        _fed?.Dispose();
        return Task.CompletedTask;
    }

    Task<PublishedState> IFollowedWriter.Current() => Writer.Current();

    Task<EventBatch> IFollowedWriter.Pull(long after) => Writer.Pull(after);

    Task<IndexPiece> IFollowedWriter.ReadIndex(byte[] prefix, long revision, byte[]? afterKey) => Writer.ReadIndex(prefix, revision, afterKey);

    private Task Prove(KeyspaceView view) => !options.ProveAtStore && local.IsCurrent(view) ? Task.CompletedTask : Writer.Prove(view.Id);

    private Task<PublishedState> Current() => (_current ??= new SharedQuestion<PublishedState>(Writer.Current)).Ask();

    // Subscribes first, loads, then applies what came meanwhile.
    private async Task<IndexFollower> Follow()
    {
        if (_follower is null)
        {
            _follower = new IndexFollower(Base64Url.DecodeFromChars(this.GetPrimaryKeyString()), this, local.Values);
            var turns = TaskScheduler.Current;
            var follower = _follower;
            _fed = feed.Subscribe(batch => _ = Task.Factory.StartNew(
                () => follower.Receive(batch), CancellationToken.None, TaskCreationOptions.None, turns));
        }

        if (_loaded is null || (_loaded.IsCompleted && !_loaded.IsCompletedSuccessfully))
            _loaded = _follower.Load();

        await SharedTask.Wait(_loaded);
        return _follower;
    }
}
