using System.Buffers.Binary;
using Kine.Backends;
using Kine.Etcd;

namespace Kine.Grains.SideState;

/// <summary>An active alarm as side state: 8-byte member and 4-byte type, big-endian, with an empty value (etcd v3 API, Maintenance.Alarm).</summary>
internal static class AlarmRow
{
    /// <summary>The row that keeps an active alarm.</summary>
    public static SideRow Of(ulong member, AlarmType alarm)
    {
        var key = new byte[12];
        BinaryPrimitives.WriteUInt64BigEndian(key, member);
        BinaryPrimitives.WriteInt32BigEndian(key.AsSpan(8), (int)alarm);
        return new SideRow(SideKind.Alarm, key, []);
    }

    /// <summary>The alarm that a row keeps.</summary>
    public static (ulong Member, AlarmType Alarm) Read(SideRow row) =>
        (BinaryPrimitives.ReadUInt64BigEndian(row.Key), (AlarmType)BinaryPrimitives.ReadInt32BigEndian(row.Key.AsSpan(8)));
}
