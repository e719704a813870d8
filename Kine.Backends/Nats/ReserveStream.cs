using NATS.Client.Core;
using NATS.Client.JetStream.Models;

namespace Kine.Backends.Nats;

/// <summary>
/// A stream that holds nothing but room. It is given up as a whole: servers of a cluster that are past their limit have no leader for any stream, so that nothing
/// can be deleted out of one, but the stream itself can. Errors: as <see cref="LogStream"/>.
/// </summary>
internal sealed class ReserveStream(NatsOptions options, string name, string subject)
{
    private const int PieceBytes = 512 << 10;
    private const int PieceFrame = 1 << 10; // subject and what the server keeps beside them

    /// <summary>Bytes in it as far as is known here; null = it may hold some.</summary>
    public long? Held { get; private set; }

    /// <summary>Makes the stream where it is missing and fills it, until <paramref name="stop"/> says no. Throws with part of it filled.</summary>
    public async Task Fill(Connection connection, long bytes, Func<bool> stop, CancellationToken cancellationToken)
    {
        var held = await Find(connection, cancellationToken).ConfigureAwait(false);
        Held = held?.Bytes ?? 0;
        if (held is null)
            await connection.Ask((api, until) => api.CreateStreamAsync(Wanted(), until), cancellationToken).ConfigureAwait(false);

        var piece = new byte[Math.Min(PieceBytes, connection.MaxPayload) - PieceFrame];
        for (var before = Held; before < bytes && !stop(); before = Held)
        {
            Held = null;
            await Add(connection, piece, cancellationToken).ConfigureAwait(false);
            Held = before + piece.Length;
        }
    }

    /// <summary>Gives back what it holds beyond that many bytes.</summary>
    public async Task Trim(Connection connection, long bytes, CancellationToken cancellationToken)
    {
        while (await Find(connection, cancellationToken).ConfigureAwait(false) is { } state && state.Bytes - PieceBytes >= bytes)
        {
            var request = new StreamMsgDeleteRequest { Seq = state.FirstSeq, NoErase = true };
            await connection.Ask((api, until) => api.DeleteMessageAsync(name, request, until), cancellationToken).ConfigureAwait(false);
            Held = state.Bytes - PieceBytes;
        }
    }

    /// <summary>Gives all of it up; false when there was nothing.</summary>
    public async Task<bool> Remove(Connection connection, CancellationToken cancellationToken)
    {
        try
        {
            await connection.Ask((api, until) => api.DeleteStreamAsync(name, until), cancellationToken).ConfigureAwait(false);
            Held = 0;
            return true;
        }
        catch (JetStreamException missing) when (missing.Code == JetStreamException.StreamNotFound)
        {
            Held = 0;
            return false;
        }
    }

    private async Task<StreamState?> Find(Connection connection, CancellationToken cancellationToken)
    {
        try
        {
            return (await connection.Ask((api, until) => api.GetStreamAsync(name, cancellationToken: until), cancellationToken).ConfigureAwait(false)).Info.State;
        }
        catch (JetStreamException missing) when (missing.Code == JetStreamException.StreamNotFound)
        {
            return null;
        }
    }

    private async Task Add(Connection connection, ReadOnlyMemory<byte> piece, CancellationToken cancellationToken)
    {
        var answer = await connection.Ask(
            (api, until) => api.PublishAsync(subject, piece, NatsRawSerializer<ReadOnlyMemory<byte>>.Default, cancellationToken: until),
            cancellationToken).ConfigureAwait(false);
        if (answer.Error is { } error)
            throw new JetStreamException(error);
    }

    private StreamConfig Wanted() => new(name, [subject])
    {
        Description = "Room that kine, an etcd-compatible store, keeps for deletions when the storage is full.",
        Retention = StreamConfigRetention.Limits,
        Discard = StreamConfigDiscard.New,
        Storage = StreamConfigStorage.File,
        NumReplicas = options.Replicas,
        MaxConsumers = -1,
        MaxMsgs = -1,
        MaxBytes = -1,
    };
}
