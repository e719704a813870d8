using System.Buffers;
using Google.Protobuf;
using Kine.Etcd;
using Kine.Grains.Reads;
using Kine.Grains.Values;
using Kine.Host.Grpc;

namespace Kine.Host.Services;

/// <summary>
/// A TxnResponse (etcd v3 API) whose late ranges are read while it is sent. It is put together from its end, so that the length of what stands behind a length is
/// known:
/// <code>
/// bytes: header, succeeded, lengths | late: pairs | bytes: count, lengths of the next | late: pairs | bytes: count
/// </code>
/// </summary>
internal sealed class TxnMessage : PieceReply, IAsyncDisposable
{
    private const byte ResponsesTag = 0x1A; // TxnResponse.responses = 3
    private const byte RangeTag = 0x0A; // ResponseOp.response_range = 1
    private const byte TxnTag = 0x22; // ResponseOp.response_txn = 4

    private readonly TxnResponse? _whole;
    private readonly List<Part> _parts = []; // the last one first
    private long _length;
    private IReadOnlyList<ReadOnlyMemory<byte>> _pairs = [];
    private int _nextPair;
    private IAsyncEnumerator<IReadOnlyList<ReadOnlyMemory<byte>>>? _pieces; // of the part that is next
    private bool _isWritten;

    /// <summary>The message of a reply that was measured.</summary>
    public TxnMessage(TxnReply reply)
    {
        _length = reply.Response.CalculateSize();
        if (reply.Late.Count > 0 || _length > GrpcLimits.FlushThreshold)
        {
            _length = 0;
            var late = reply.Late.Count;
            Prepend(reply.Response, reply.Late, ref late);
            return;
        }

        _whole = reply.Response;
    }

    public override long Length => _length;

    /// <summary>Bytes written so far.</summary>
    public long Written { get; private set; }

    /// <summary>True when it may take several writes.</summary>
    public bool IsInParts => _whole is null;

    public override bool IsWritten => _isWritten;

    private bool IsAtBytes => _parts.Count > 0 && _parts[^1].Late is null;

    /// <summary>Reads what comes next. False = everything was written.</summary>
    public async ValueTask<bool> Read(CancellationToken cancellationToken)
    {
        _isWritten = false;
        while (_parts.Count > 0)
        {
            var range = _parts[^1].Late!.Range!;
            _pieces ??= range.Pieces(cancellationToken).GetAsyncEnumerator(cancellationToken);
            if (await _pieces.MoveNextAsync())
            {
                (_pairs, _nextPair) = (_pieces.Current, 0);
                return true;
            }

            await _pieces.DisposeAsync();
            _pieces = null;
            range.Dispose();
            _parts.RemoveAt(_parts.Count - 1);
            if (IsAtBytes)
                return true;
        }

        return false;
    }

    /// <summary>Reads all of it, for a reply that is compressed.</summary>
    public async Task ReadAll(CancellationToken cancellationToken)
    {
        var all = new ArrayBufferWriter<byte>((int)_length);
        Enough = int.MaxValue;
        do
        {
            Write(all);
        }
        while (await Read(cancellationToken));

        Written = 0;
        _isWritten = false;
        _parts.Add(new Part(all.WrittenMemory, null));
    }

    public override void Write(IBufferWriter<byte> output)
    {
        if (_whole is not null)
        {
            _whole.WriteTo(output);
            Written = _length;
            _isWritten = true;
            return;
        }

        var before = Written;
        while (Written - before < Enough)
        {
            if (_nextPair < _pairs.Count)
            {
                Written += RangeMessage.WritePair(output, _pairs[_nextPair++].Span);
            }
            else if (_pieces is null && IsAtBytes)
            {
                output.Write(_parts[^1].Bytes.Span);
                Written += _parts[^1].Bytes.Length;
                _parts.RemoveAt(_parts.Count - 1);
            }
            else
            {
                _isWritten = true;
                return;
            }
        }
    }

    public ValueTask DisposeAsync() => _pieces?.DisposeAsync() ?? ValueTask.CompletedTask;

    private void Prepend(TxnResponse txn, IReadOnlyList<LateRange> late, ref int left)
    {
        for (var i = txn.Responses.Count - 1; i >= 0; i--)
        {
            var behind = _length;
            Prepend(txn.Responses[i], late, ref left);
            PrependLength(ResponsesTag, _length - behind);
        }

        Prepend(new TxnResponse { Header = txn.Header, Succeeded = txn.Succeeded });
    }

    private void Prepend(ResponseOp operation, IReadOnlyList<LateRange> late, ref int left)
    {
        var behind = _length;
        if (operation.ResponseTxn is { } txn)
        {
            Prepend(txn, late, ref left);
            PrependLength(TxnTag, _length - behind);
        }
        else if (left > 0 && operation.ResponseRange is { } range && ReferenceEquals(late[left - 1].Response, range))
        {
            left--;
            Prepend(new RangeResponse { More = range.More, Count = range.Count });
            _parts.Add(new Part(default, late[left]));
            _length += late[left].Range!.KvsLength;
            Prepend(new RangeResponse { Header = range.Header });
            PrependLength(RangeTag, _length - behind);
        }
        else
        {
            Prepend(operation);
        }
    }

    private void PrependLength(byte tag, long length)
    {
        Span<byte> start = stackalloc byte[KeyValueWire.MaxVarint + 1];
        start[0] = tag;
        Prepend(start[..KeyValueWire.WriteVarint(start, 1, (ulong)length)].ToArray());
    }

    private void Prepend(IMessage message) => Prepend(message.ToByteArray());

    private void Prepend(byte[] bytes)
    {
        _parts.Add(new Part(bytes, null));
        _length += bytes.Length;
    }

    private readonly record struct Part(ReadOnlyMemory<byte> Bytes, LateRange? Late);
}
