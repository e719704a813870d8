namespace Kine.Host.Bench.Workloads;

/// <summary>What a client needs of a TxnResponse.</summary>
/// <param name="Revision">header.revision.</param>
/// <param name="Succeeded">The branch taken.</param>
/// <param name="FoundModRevision">mod_revision of the first key of the first operation, if that was a range; else 0.</param>
internal readonly record struct TxnReply(long Revision, bool Succeeded, long FoundModRevision)
{
    public static TxnReply Read(ReadOnlySpan<byte> reply)
    {
        long revision = 0;
        long found = 0;
        var succeeded = false;
        var reader = new ProtoReader(reply);
        while (reader.Next())
        {
            switch (reader.Field)
            {
                case 1:
                    revision = ProtoReader.NumberIn(reader.Bytes, 3);
                    break;
                case 2:
                    succeeded = reader.Number != 0;
                    break;
                case 3 when found == 0:
                    found = ProtoReader.NumberIn(ProtoReader.BytesIn(ProtoReader.BytesIn(reader.Bytes, 1), 2), 3);
                    break;
            }
        }

        return new TxnReply(revision, succeeded, found);
    }
}
