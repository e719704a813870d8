using System.Buffers.Binary;
using Kine.Backends;
using Kine.Etcd;

namespace Kine.Grains.Writing;

/// <summary>Alarms as side state: one row each, 8-byte member and 4-byte type, big-endian (etcd v3 API, Maintenance.Alarm).</summary>
internal static class AlarmRules
{
    /// <summary>Raises an alarm, unless it is active already.</summary>
    public static void Activate(WriteState state, ulong member, AlarmType alarm)
    {
        var before = state.Alarms;
        if (before.Contains((member, alarm)))
        {
            return;
        }

        state.Alarms = before.Add((member, alarm));
        state.Batch.Append.Side.Add(Row(member, alarm));
        state.Batch.Undo.Add(() => state.Alarms = before);
    }

    /// <summary>Takes an alarm back; false when it was not active.</summary>
    public static bool Deactivate(WriteState state, ulong member, AlarmType alarm)
    {
        var before = state.Alarms;
        if (!before.Contains((member, alarm)))
        {
            return false;
        }

        state.Alarms = before.Remove((member, alarm));
        state.Batch.Append.Side.Add(new SideRow(SideKind.Alarm, RowKey(member, alarm), null));
        state.Batch.Undo.Add(() => state.Alarms = before);
        return true;
    }

    /// <summary>The alarm that a row of side state holds.</summary>
    public static (ulong Member, AlarmType Alarm) Read(SideRow row) =>
        (BinaryPrimitives.ReadUInt64BigEndian(row.Key), (AlarmType)BinaryPrimitives.ReadInt32BigEndian(row.Key.AsSpan(8)));

    /// <summary>The row of side state that keeps an active alarm.</summary>
    public static SideRow Row(ulong member, AlarmType alarm) => new(SideKind.Alarm, RowKey(member, alarm), []);

    private static byte[] RowKey(ulong member, AlarmType alarm)
    {
        var key = new byte[12];
        BinaryPrimitives.WriteUInt64BigEndian(key, member);
        BinaryPrimitives.WriteInt32BigEndian(key.AsSpan(8), (int)alarm);
        return key;
    }
}
